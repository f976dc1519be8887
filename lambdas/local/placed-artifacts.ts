/**
 * Run folders where each of them lies: those of machines elsewhere in the store, all others on this machine. A run keeps its place, so
 * that a store may be configured at any time.
 */
import type { StoredFile } from '#domain/training.ts';
import type { Artifacts, Downloads } from '#ports/artifacts.ts';
import type { OpenStore } from '#s3/open-store.ts';

type Store = Pick<OpenStore, 'holds' | 'artifacts' | 'downloads'>;

export class PlacedArtifacts implements Artifacts {
  readonly #here: Artifacts;
  readonly #store: Store;

  constructor(here: Artifacts, store: Store) {
    this.#here = here;
    this.#store = store;
  }

  locate(key: string): string {
    return this.#at(key).locate(key);
  }

  put(key: string, content: string): Promise<void> {
    return this.#at(key).put(key, content);
  }

  putIfAbsent(key: string, content: string): Promise<boolean> {
    return this.#at(key).putIfAbsent(key, content);
  }

  get(key: string): Promise<string | null> {
    return this.#at(key).get(key);
  }

  list(prefix: string): Promise<string[]> {
    return this.#at(prefix).list(prefix);
  }

  removeFolder(prefix: string): Promise<void> {
    return this.#at(prefix).removeFolder(prefix);
  }

  remove(key: string): Promise<void> {
    return this.#at(key).remove(key);
  }

  verify(prefix: string, files: readonly StoredFile[]): Promise<string | null> {
    return this.#at(prefix).verify(prefix, files);
  }

  placeBase(base: string): ReturnType<Artifacts['placeBase']> {
    return (base.startsWith('s3://') ? this.#store.artifacts : this.#here).placeBase(base);
  }

  publish(prefix: string, outputDir: string | null): Promise<string> {
    return this.#at(prefix).publish(prefix, outputDir);
  }

  #at(key: string): Artifacts {
    return this.#store.holds(key) ? this.#store.artifacts : this.#here;
  }
}

/** Links to files, likewise. */
export const placedDownloads = (here: Downloads, store: Store): Downloads => ({
  link: (key, file) => (store.holds(key) ? store.downloads : here).link(key, file),
});
