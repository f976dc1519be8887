/** What operations need of the world, in our words. Two sets of implementations meet it: `local/` and `aws/`; one contract suite runs against both. */

import type { AnswerStore } from './answer-store.ts';
import type { Artifacts, Downloads, SignedObjects } from './artifacts.ts';
import type { Computes } from './compute.ts';
import type { DocumentStore } from './document-store.ts';
import type { LogIndex, RunBell } from './following.ts';
import type { Contents, Inputs } from './inputs.ts';
import type { RunStore } from './run-store.ts';
import type { MachineTokens, Secrets, StorageGrants } from './secrets.ts';
import type { Settings } from './settings.ts';
import type { Clock, EventSink, Workflow } from './workflow.ts';

export interface Ports {
  readonly runs: RunStore;
  readonly documents: DocumentStore;
  readonly answers: AnswerStore;
  readonly artifacts: Artifacts;
  readonly inputs: Inputs;
  readonly downloads: Downloads;
  readonly contents: Contents;
  readonly secrets: Secrets;
  readonly machineTokens: MachineTokens;
  readonly storageGrants: StorageGrants;
  /** where machines claim that cannot reach the plane; absent: they all can, or there are none */
  readonly mailboxes?: SignedObjects;
  readonly compute: Computes;
  readonly workflow: Workflow;
  readonly sink: EventSink;
  readonly bell: RunBell;
  readonly logIndex: LogIndex;
  readonly clock: Clock;
  readonly settings: Settings;
}
