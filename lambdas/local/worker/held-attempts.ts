/** The worker's own memory, files in its home: which attempts it started, and who it is among machines of the same name. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { CLIENT_NAME } from '#domain/ids.ts';
import { hasCode } from '../data-root.ts';

const INSTANCE = /^[0-9a-f]{32}$/;
const INSTANCE_BYTES = 16;

const heldSchema = z.object({ startedAt: z.number() });

export interface Held {
  readonly tag: string;
  /** milliseconds since 1970 */
  readonly startedAt: number;
}

export class HeldAttempts {
  readonly instance: string;
  readonly #folder: string;
  readonly #held = new Map<string, number>();

  /** @throws Error where the folder cannot be used */
  constructor(home: string) {
    this.#folder = join(home, 'held');
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.instance = readInstance(join(home, 'instance'));
    for (const tag of readdirSync(this.#folder)) {
      if (!CLIENT_NAME.test(tag)) continue;
      this.#held.set(tag, readStart(this.#path(tag)));
    }
  }

  all(): Held[] {
    return [...this.#held].map(([tag, startedAt]) => ({ tag, startedAt }));
  }

  has(tag: string): boolean {
    return this.#held.has(tag);
  }

  /** Before its supervisor is started. @throws Error for a name that is none of ours */
  add(tag: string): void {
    if (!CLIENT_NAME.test(tag)) throw new Error(`must be the name of an attempt, got '${tag.slice(0, 60)}'`);
    const startedAt = Date.now();
    writeFileSync(this.#path(tag), JSON.stringify({ startedAt }), { flush: true });
    this.#held.set(tag, startedAt);
  }

  remove(tag: string): void {
    rmSync(this.#path(tag), { force: true });
    this.#held.delete(tag);
  }

  /** Whether the plane's own file lies at the same path here. */
  sees({ path, content }: { readonly path: string; readonly content: string }): boolean {
    try {
      return readFileSync(path, 'utf8') === content;
    } catch {
      return false; // not there, or not ours to read
    }
  }

  #path(tag: string): string {
    return join(this.#folder, tag);
  }
}

/** A file that was cut off says that it was started, and no more. */
function readStart(path: string): number {
  try {
    return heldSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).startedAt;
  } catch {
    return 0;
  }
}

function readInstance(path: string): string {
  try {
    writeFileSync(path, randomBytes(INSTANCE_BYTES).toString('hex'), { flag: 'wx', mode: 0o600, flush: true });
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const instance = readFileSync(path, 'utf8');
  if (!INSTANCE.test(instance)) throw new Error(`${path} must hold 32 hexadecimal characters: remove it, and a new one is made`);
  return instance;
}
