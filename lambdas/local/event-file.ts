import { type FileHandle, open } from 'node:fs/promises';
import type { RunEvent } from '#domain/run.ts';
import type { EventSink } from '#ports/workflow.ts';

/** The subscriber of the one-machine home that is always there: every event as a line of `<home>/events.jsonl`, at least once, in order. */
export class EventFile implements EventSink {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<EventFile> {
    return new EventFile(await open(path, 'a'));
  }

  async deliver(events: readonly RunEvent[]): Promise<void> {
    await this.#file.appendFile(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
