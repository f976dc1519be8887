/** How a run is named on the command line: by its id, or as `last`. */
import { idPattern } from '#domain/ids.ts';
import { CommandFailure, usageFailure } from '../exit-code.ts';
import type { PlaneClient } from './plane-client.ts';
import { listRuns } from './runs.ts';

const RUN_ID = idPattern('run');

/** @throws CommandFailure for what is no id; where there is no run at all */
export async function findRunId(plane: PlaneClient, reference: string): Promise<string> {
  if (RUN_ID.test(reference)) return reference;
  if (reference !== 'last')
    throw usageFailure(`a run must be named by its id (run_01jd...) or as 'last', got '${reference}'`, '"tuneplane ls" lists them');
  const [newest] = (await listRuns(plane, { limit: 1 })).items;
  if (!newest) throw new CommandFailure('run_not_found', `there is no run at ${plane.url} yet`);
  return newest.id;
}

/** Several, each once, in the order given. */
export const findRunIds = async (plane: PlaneClient, references: readonly string[]): Promise<string[]> => [
  ...new Set(await Promise.all(references.map((reference) => findRunId(plane, reference)))),
];
