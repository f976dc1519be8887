import type { Dataset } from '#domain/training.ts';

/** Takes one body of exactly so many bytes with exactly that hash, by whoever has it. */
export interface UploadLink {
  /** absolute, or a path of this plane */
  readonly url: string;
  readonly method: 'PUT';
  /** to be sent as they stand */
  readonly headers: Readonly<Record<string, string>>;
  /** ISO 8601 */
  readonly expiresAt: string;
}

/** Rows that users stored here, by their SHA-256: what lies under a hash never changes. */
export interface Contents {
  put(content: string): Promise<{ sha256: string; sizeBytes: number }>;
  get(sha256: string): Promise<string | null>;
  /** The beginning of a content of any size, cut at a byte. */
  getStart(sha256: string, maxBytes: number): Promise<{ start: Buffer; sizeBytes: number } | null>;
  /** A link by which a content that is too large for a request is put, for an hour. */
  openUpload(sha256: string, sizeBytes: number): Promise<UploadLink>;
}

/** Training data: names become files with sizes and hashes. */
export interface Inputs {
  pin(dataset: Dataset): Promise<{ dataset: Dataset } | { failure: { code: string; message: string } }>;
  /** A small text beside the data: a configuration. `problem` says why it cannot be read. */
  readText(path: string, maxBytes: number): Promise<{ text: string } | { problem: string }>;
  /** Where a base model that was given as a path lies, for the trainer. */
  locateModel(path: string): Promise<{ path: string } | { failure: { code: string; message: string } }>;
}
