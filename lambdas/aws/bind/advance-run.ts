import { createHandler } from '#workers/advance-run.ts';
import type { Round } from '#workers/round.ts';
import { readEnvironment } from '../environment.ts';
import { openPlane } from '../plane.ts';

export function bindAdvanceRun(): (input: unknown) => Promise<Round> {
  const { ports, generations } = openPlane(readEnvironment('work', process.env));
  return createHandler(ports, generations);
}
