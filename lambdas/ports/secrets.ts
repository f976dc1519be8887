import type { MachineTokenKind } from '#domain/machine-tokens.ts';
import type { Run } from '#domain/run.ts';

/** Values for a trainer's eyes only: those that users hand over, and the operator's that runs may name. */
export interface Secrets {
  /** Encrypts. What comes back may be stored anywhere, and opens for this run only. */
  seal(runId: string, values: Readonly<Record<string, string>>): Promise<string>;
  /** @throws Error where it was sealed for another run, or changed */
  open(runId: string, sealed: string): Promise<Record<string, string>>;
  /** What one of the operator's secrets holds now. @throws Error where it is not there */
  read(name: string): Promise<string>;
}

/** Tokens of machines beyond the plane's own process, under a key of the plane's: nothing is stored, what a token opens the record says. */
export interface MachineTokens {
  /** eight characters that tell this plane's machines from another's in the same account of a provider */
  readonly planeId: string;
  /** The same kind and subject always give the same token. */
  issue(kind: MachineTokenKind, subject: string): Promise<string>;
  /** The subject of a token that this plane issued for that kind; else null. */
  subjectOf(kind: MachineTokenKind, token: string): Promise<string | null>;
}

/** Credentials of an object store, good for an hour, limited to what one attempt needs. */
export interface StorageGrant {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** ISO 8601, UTC */
  readonly expiresAt: string;
  readonly region: string;
  /** of a store that is not Amazon's; null: the region's own */
  readonly endpoint: string | null;
}

export interface StorageGrants {
  /**
   * Read and write for this attempt's own files and the run's checkpoints, logs, metrics and artifacts; read only for its data and for
   * a base that lies in the store. Null where the run folder is a path.
   */
  for(run: Run, attempt: number): Promise<StorageGrant | null>;
}
