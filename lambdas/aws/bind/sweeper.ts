import { runIdOfAttempt } from '#domain/run-folder.ts';
import { createHandler, type SweepReport } from '#workers/sweeper.ts';
import { readEnvironment } from '../environment.ts';
import { openPlane } from '../plane.ts';
import { openSink } from './event-bus.ts';
import { openFollowers } from './sockets.ts';

export function bindSweeper(): () => Promise<SweepReport> {
  const environment = readEnvironment('sweeper', process.env);
  const { ports, table, generations, jobs } = openPlane(environment);
  const followers = openFollowers(environment, table, ports);
  return createHandler(
    { ...ports, sink: openSink(environment, ports.runs) },
    {
      executions: generations,
      refreshMachines: async () => (await jobs.refresh()).map(runIdOfAttempt),
      repeatStatus: () => followers.repeatStatus(),
      untold: ports.settings.providers.filter((provider) => provider !== 'aws-batch'),
    },
  );
}
