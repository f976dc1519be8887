import type { StoredFile } from '#domain/training.ts';

/** A request that anybody may make who has it. */
export interface SignedRequest {
  readonly url: string;
  /** to be sent as they are */
  readonly headers: Readonly<Record<string, string>>;
}

/** Single objects of the artifacts store, opened to whoever has the link: for machines that cannot reach the plane. */
export interface SignedObjects {
  /** Puts the object where none is; 412 where one is there already. */
  putOnce(key: string): Promise<SignedRequest>;
  get(key: string): Promise<SignedRequest>;
}

/** Run folders and nothing else. Keys have no leading slash. A put is whole or not there at all. */
export interface Artifacts {
  /** What the trainer is told: where a key lies (absolute path or s3:// URI). */
  locate(key: string): string;
  put(key: string, content: string): Promise<void>;
  /** False where the key was there already; then nothing is written. */
  putIfAbsent(key: string, content: string): Promise<boolean>;
  get(key: string): Promise<string | null>;
  /** Every key below a prefix that ends in '/', in any order, perhaps late. */
  list(prefix: string): Promise<string[]>;
  removeFolder(prefix: string): Promise<void>;
  remove(key: string): Promise<void>;
  /** Compares size and SHA-256 of what is stored. Null when all is well, else a sentence naming the first file that differs. */
  verify(prefix: string, files: readonly StoredFile[]): Promise<string | null>;
  /**
   * Where run folders of a base that the user names are kept.
   * @param base a path below the data root, file:// or s3://
   * @returns the key that stands for it, and what the user should know; or why it cannot be
   */
  placeBase(base: string): Promise<{ readonly key: string; readonly note: string | null } | { readonly problem: string }>;
  /** Makes the finished adapter or model available under its public name. @returns a path relative to the data root, or an s3:// URI */
  publish(prefix: string, outputDir: string | null): Promise<string>;
}

/** What a run made, for those who want the bytes. */
export interface Downloads {
  /**
   * A link that fetches one stored file, for an hour, by whoever has it: absolute, or a path of this plane. It fetches those bytes or
   * none: what was changed since ends in an error.
   */
  link(key: string, file: Pick<StoredFile, 'sizeBytes' | 'sha256'>): Promise<string>;
}
