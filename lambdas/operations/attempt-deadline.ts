import type { Run } from '#domain/run.ts';

/** A stop bounds its final checkpoint at 30 minutes, and the plane gives it 35: an hour is beyond both. */
const GRACE_SECONDS = 3_600;

/**
 * When a machine ends its attempt by itself, whatever the plane says or does not say. The plane stops a run at its max_runtime long before.
 * @param from milliseconds since 1970: when its work begins
 * @returns milliseconds since 1970
 */
export const deadlineOf = (
  { maxRuntimeSeconds, computeSeconds }: Pick<Run, 'maxRuntimeSeconds' | 'computeSeconds'>,
  from: number,
): number => from + (Math.max(0, maxRuntimeSeconds - computeSeconds) + GRACE_SECONDS) * 1_000;
