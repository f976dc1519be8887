import { type Command, describeExamples } from '../command.ts';
import { wholeNumber } from '../option-words.ts';
import type { Session } from '../session.ts';

export function define(command: Command, session: Session): void {
  command
    .description(
      'Machines of your own that train for a plane elsewhere. A worker asks for runs and is never connected to: it needs a way to the plane, and none back.',
    )
    .usage('[command]');
  command
    .command('run', { isDefault: true })
    .summary('work for a plane, on this machine, until Ctrl-C')
    .description(
      'Work for a plane, on this machine, until Ctrl-C. Then what trains here saves a checkpoint and goes on elsewhere. It wants the token of this worker in TUNEPLANE_WORKER_TOKEN, or one of the plane, with which it asks for its own.',
    )
    .option('--name <name>', "of this worker at the plane; default: this machine's")
    .option('--max-runs <count>', 'at once; default: one per GPU, else one per two cores', wholeNumber(0, 1_024))
    .option('--home <folder>', 'for its state and its cache; default: TUNEPLANE_WORKER_HOME, else .tuneplane/worker')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'worker --url https://plane.example.com', about: 'this machine trains for that plane' },
        { line: 'worker --name box-1 --max-runs 1', about: 'under a name of its own, a run at a time' },
      ]),
    )
    .action(async ({ name, maxRuns, home }) => {
      const { runWorker } = await import('../machine/run-worker.ts');
      await runWorker(session, { name, maxRuns, home });
    });
  command
    .command('token')
    .summary('print the token of a worker')
    .description(
      'Print the token of a worker: to be set as TUNEPLANE_WORKER_TOKEN there, so that the machine holds nothing that opens more of the plane.',
    )
    .argument('<name>', 'of the worker')
    .addHelpText('after', describeExamples([{ line: 'worker token box-1', about: 'for the machine that works as box-1' }]))
    .action(async (name) => {
      const { issueWorkerToken } = await import('../plane/places.ts');
      const issued = await issueWorkerToken(await session.plane(), name);
      session.print('worker token', issued, () => issued.token);
    });
}
