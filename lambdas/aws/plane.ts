/**
 * The AWS home, put together: here ports meet their adapters, and nowhere else. Only the table is there from the start; every other
 * adapter, with the client that it needs, is loaded when somebody asks for it (`lazy-port.ts`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Log, logToStderr } from '#http/exchange.ts';
import type { Downloads } from '#ports/artifacts.ts';
import type { Contents, Inputs } from '#ports/inputs.ts';
import type { Ports } from '#ports/ports.ts';
import type { StorageGrants } from '#ports/secrets.ts';
import type { Pace, Settings } from '#ports/settings.ts';
import type { Clock } from '#ports/workflow.ts';
import type { ObjectStore } from '#s3/object-store.ts';
import { S3Artifacts } from '#s3/s3-artifacts.ts';
import type { ObjectPlace } from '#s3/storage-places.ts';
import type { BatchJobs } from './batch/batch-jobs.ts';
import { allowedImages, type PlaneEnvironment } from './environment.ts';
import type { KeySecrets } from './key-secrets.ts';
import { lazyPort } from './lazy-port.ts';
import { SecretMachineTokens } from './machine-tokens.ts';
import type { OpenBatch } from './open/batch.ts';
import { openTable } from './open/table.ts';
import { PollingBell } from './polling-bell.ts';
import { openProviders, RENTAL_REMEDIES, rentedBy } from './providers.ts';
import type { RunGenerations } from './run-generations.ts';
import { SealedSecrets } from './sealed-secrets.ts';
import { StepFunctionsWorkflow } from './step-functions-workflow.ts';
import { DynamoAnswerStore } from './table/dynamo-answer-store.ts';
import { DynamoDocumentStore } from './table/dynamo-document-store.ts';
import { DynamoLogIndex } from './table/dynamo-log-index.ts';
import { DynamoRunStore } from './table/dynamo-run-store.ts';
import type { DynamoTable } from './table/dynamo-table.ts';

/** Reports as they are paid for: 5 s while it is new or somebody looks, then 30, after an hour 60. The clock's looks grow to 10 min. */
export const PACE: Pace = {
  reports: [
    { untilSeconds: 120, everySeconds: 5 },
    { untilSeconds: 3_600, everySeconds: 30 },
    { untilSeconds: Number.POSITIVE_INFINITY, everySeconds: 60 },
  ],
  longestLookSeconds: 600,
};

export interface AwsPlane {
  readonly ports: Ports;
  readonly table: DynamoTable;
  readonly generations: Pick<RunGenerations, 'begin' | 'ensure' | 'handOver' | 'running'>;
  readonly jobs: Pick<BatchJobs, 'note' | 'refresh'>;
}

const CLOCK: Clock = { now: Date.now };

export function openPlane(environment: PlaneEnvironment, log: Log = logToStderr): AwsPlane {
  const { TUNEPLANE_BUCKET: bucket, TUNEPLANE_KEY_SECRET_ARN: keySecretArn } = environment;
  const table = openTable(environment.TUNEPLANE_TABLE);
  const store = lazyPort<ObjectStore>(async () => (await import('./open/object-store.ts')).openObjectStore());
  const secrets = lazyPort<KeySecrets>(async () => (await import('./open/key-secrets.ts')).openKeySecrets());
  const generations = lazyPort<RunGenerations>(async () =>
    (await import('./open/generations.ts')).openGenerations(environment.TUNEPLANE_STATE_MACHINE_ARN, table),
  );
  const queue = lazyPort<{ send(runId: string): Promise<void> }>(async () =>
    (await import('./open/nudge-queue.ts')).openNudgeQueue(environment.TUNEPLANE_NUDGE_QUEUE_URL),
  );
  let batch: Promise<OpenBatch> | null = null;
  const openBatch = (): Promise<OpenBatch> => {
    const { TUNEPLANE_COMPUTE_CLASSES: classes, TUNEPLANE_TRAINER_BUILD: build } = environment;
    batch ??= import('./open/batch.ts').then((module) => module.openBatch({ classes, build }, table, CLOCK));
    return batch;
  };
  const places = {
    data: orOwnBucket(environment.TUNEPLANE_STORAGE_DATA, bucket),
    bases: orOwnBucket(environment.TUNEPLANE_STORAGE_BASES, bucket),
  };
  const artifacts = new S3Artifacts({ store, bucket, places });
  const place = (key: string): ObjectPlace => artifacts.place(key);
  const documents = new DynamoDocumentStore(table, { clock: CLOCK });
  const machineTokens = new SecretMachineTokens({ secrets, keySecretArn });
  const ports: Ports = {
    runs: new DynamoRunStore(table, { clock: CLOCK }),
    documents,
    answers: new DynamoAnswerStore(table),
    artifacts,
    inputs: lazyPort<Inputs>(async () => new (await import('#s3/s3-inputs.ts')).S3Inputs({ store, contents: { bucket }, places })),
    downloads: lazyPort<Downloads>(async () => new (await import('#s3/s3-downloads.ts')).S3Downloads({ store, place })),
    contents: lazyPort<Contents>(async () => new (await import('#s3/s3-contents.ts')).S3Contents({ store, bucket })),
    secrets: new SealedSecrets({ secrets, keySecretArn, named: environment.TUNEPLANE_SECRETS }),
    machineTokens,
    storageGrants: lazyPort<StorageGrants>(async () =>
      (await import('./open/storage-grants.ts')).openStorageGrants(environment.TUNEPLANE_GRANT_ROLE_ARN, place),
    ),
    compute: openProviders({
      openBatch: async () => (await openBatch()).compute,
      rentals: environment.TUNEPLANE_RENTALS,
      secrets,
      documents,
      clock: CLOCK,
      machineTokens,
    }),
    workflow: new StepFunctionsWorkflow({ begin: (runId) => generations.begin(runId), ring: (runId) => queue.send(runId), log }),
    // Events go out by the stream of the table; the sweeper, which publishes what stayed behind, has a sink of its own.
    sink: {
      deliver: async () => {
        throw new Error('this function publishes no events');
      },
    },
    bell: new PollingBell({ table, wait: sleep }),
    logIndex: new DynamoLogIndex(table),
    clock: CLOCK,
    settings: toSettings(environment),
  };
  return { ports, table, generations, jobs: lazyPort<BatchJobs>(async () => (await openBatch()).jobs) };
}

const orOwnBucket = (prefixes: readonly string[], bucket: string): readonly string[] =>
  prefixes.length > 0 ? prefixes : [`s3://${bucket}/`];

const toSettings = (environment: PlaneEnvironment): Settings => ({
  provider: 'aws-batch',
  providers: ['aws-batch', 'local', ...rentedBy(environment.TUNEPLANE_RENTALS)],
  providerRemedies: RENTAL_REMEDIES,
  defaultBase: environment.TUNEPLANE_DEFAULT_BASE,
  secrets: Object.keys(environment.TUNEPLANE_SECRETS),
  allowedImages: allowedImages(environment),
  reportSeconds: 5,
  pace: PACE,
  stallSeconds: environment.TUNEPLANE_STALL_SECONDS,
  claimSeconds: 60,
  // Three reports at the slowest pace.
  silenceSeconds: 180,
  // A machine of Batch pulls 8 GB of image before anything of ours runs.
  startSeconds: 1_800,
  capacitySeconds: 24 * 3_600,
  publicUrl: environment.TUNEPLANE_URL,
});
