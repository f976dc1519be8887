import type { ComputeHandle } from '#domain/run.ts';
import { type Compute, StillEnding } from '#ports/compute.ts';

/** A machine that takes its time to go is asked again by the next advance, which finds everything as this one did. */
export const ENDING_SECONDS = 5;

/** @returns whether the compute of an attempt is gone; false: it was asked to go, come back in some seconds */
export async function isGone(compute: Compute, tag: string, handle: ComputeHandle | null): Promise<boolean> {
  try {
    await compute.terminate(tag, handle);
    return true;
  } catch (error) {
    if (error instanceof StillEnding) return false;
    throw error;
  }
}
