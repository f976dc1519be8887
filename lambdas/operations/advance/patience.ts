/** How long the plane waits for what does not come. */
import type { Run, Waiting } from '#domain/run.ts';
import type { RunChange } from '#domain/run-change.ts';
import type { Ports } from '#ports/ports.ts';

export const isOlder = ({ clock }: Pick<Ports, 'clock'>, since: string, seconds: number): boolean =>
  clock.now() - Date.parse(since) > seconds * 1_000;

/** Capacity alone is waited for within a limit: places in this plane's own line come by themselves. */
export const hasWaitedTooLong = (ports: Pick<Ports, 'clock' | 'settings'>, { waiting, want }: Run): boolean =>
  want === 'run' &&
  waiting !== null &&
  (waiting.code === 'capacity' || waiting.code === 'quota') &&
  isOlder(ports, waiting.since, ports.settings.capacitySeconds);

export const waitedTooLong = ({ settings }: Pick<Ports, 'settings'>): NonNullable<Run['stopDetail']> => ({
  code: 'time_limit',
  message: `no capacity in ${settings.capacitySeconds} s`,
});

/** A resuming run reads `paused` until it trains, and says why. */
export const waitOfLaunched = ({ run, timestamp }: RunChange): Waiting | null =>
  run.state === 'paused'
    ? { code: 'resuming', sentence: 'its trainer is starting', remedy: 'it goes on by itself', since: timestamp }
    : null;
