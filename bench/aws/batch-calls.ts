/** What AWS Batch is asked in a minute while so many runs are live: by the sweep, since looks at runs ask the table. */
import { jobKey } from '#aws/table/table-keys.ts';
import type { AwsCall } from './counting-proxy.ts';
import type { EmulatedPlane } from './emulated-plane.ts';

/** @returns calls of Batch in the sweep of a minute */
export async function countBatchCalls(world: EmulatedPlane, liveRuns: number): Promise<AwsCall[]> {
  const { table, jobs } = world.plane;
  const seen = {
    className: 'cpu',
    status: 'RUNNING',
    statusReason: null,
    exitCode: null,
    containerReason: null,
    changedAt: Date.now(),
    rank: 4,
  };
  const items = Array.from({ length: liveRuns }, (_, index) => ({ ...jobKey(`job-${index}`), ...seen, tag: `run_${index}-0001` }));
  await table.putAll(items);
  const calls = await world.count(() => jobs.refresh());
  await table.removeAll(items.map(({ pk, sk }) => ({ pk, sk })));
  return calls.filter(({ service }) => service === 'Batch');
}
