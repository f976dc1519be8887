/**
 * Suites that every implementation of a port runs: the local one here, the AWS twin with the same file.
 * They ask for what the port promises and no more: listings are compared without order where the port names none, and may be late.
 */
import { describe, onTestFinished, test, vi } from 'vitest';

export interface World {
  close(): Promise<void>;
}

/** Sentence of a promise -> why this implementation cannot be held to it. */
export type Skips = Readonly<Record<string, string>>;

/** @param open a new and empty world for each test */
export function contractSuite<TheWorld extends World>(
  port: string,
  open: () => Promise<TheWorld>,
  skips: Skips,
  promises: Readonly<Record<string, (world: TheWorld) => Promise<void>>>,
): void {
  const unknown = Object.keys(skips).filter((sentence) => !(sentence in promises));
  if (unknown.length > 0) throw new Error(`skipped, but no promise of ${port}: ${unknown.join('; ')}`);
  describe(port, () => {
    for (const [sentence, body] of Object.entries(promises)) {
      test(sentence, async (context) => {
        const reason = skips[sentence];
        if (reason !== undefined) context.skip(reason);
        const world = await open();
        onTestFinished(() => world.close());
        await body(world);
      });
    }
  });
}

/** For reads that may lag behind a write where the store is distributed; a local one passes at the first look. */
export const eventually = (check: () => Promise<void>): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 100 });
