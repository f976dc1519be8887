/** This machine as a worker of a plane elsewhere, until Ctrl-C. */
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { CLIENT_NAME } from '#domain/ids.ts';
import { readEnvironment } from '../../lambdas/local/environment.ts';
import { lockHome } from '../../lambdas/local/home-lock.ts';
import { readMachine } from '../../lambdas/local/worker/machine-facts.ts';
import { Worker } from '../../lambdas/local/worker/worker.ts';
import { CommandFailure, usageFailure } from '../exit-code.ts';
import { issueWorkerToken } from '../plane/places.ts';
import type { Session } from '../session.ts';
import { describeCount } from '../text/words.ts';
import { REPOSITORY } from './repository.ts';

export interface WorkerFlags {
  readonly name?: string | undefined;
  readonly maxRuns?: number | undefined;
  readonly home?: string | undefined;
}

export async function runWorker(session: Session, flags: WorkerFlags): Promise<void> {
  const { variables, workingFolder, interrupted } = session.world;
  const name = flags.name ?? hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-');
  if (!CLIENT_NAME.test(name))
    throw usageFailure(`a worker's name must be of letters, digits, '.', '_' and '-', got '${name}'`, 'give --name');
  const environment = readEnvironment(variables, workingFolder);
  const home = resolve(workingFolder, flags.home ?? variables['TUNEPLANE_WORKER_HOME'] ?? join('.tuneplane', 'worker'));
  const lock = lockHome(home, 'worker');
  try {
    const plane = await session.plane();
    const token = variables['TUNEPLANE_WORKER_TOKEN'] || (await issueWorkerToken(plane, name)).token;
    const python = environment.trainerPython ?? join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
    const maxRuns = flags.maxRuns ?? environment.maxRuns;
    const trainer = { home, python, maxRuns, trainerFolder: join(REPOSITORY, 'trainer-image'), passedOn: environment.passedOn };
    const { slots, gpus, engines } = readMachine(trainer);
    session.print('worker run', { name, url: plane.url, home, slots, gpus: gpus.length, engines }, () =>
      [
        `${name} works for ${plane.url}   (state in ${home})`,
        `  ${describeCount(slots, 'run')} at once, ${gpus.length === 0 ? 'no GPU' : gpus.map((gpu) => gpu.name).join(', ')}, engines ${engines.join(', ') || 'none: run "npm run setup"'}`,
      ].join('\n'),
    );
    const worker = new Worker({
      name,
      url: plane.url,
      token,
      ...trainer,
      engineCommand: environment.engineCommand,
      say: (sentence) => session.note(sentence),
    });
    await worker.run(interrupted).catch((error: unknown) => {
      throw new CommandFailure('worker_refused', error instanceof Error ? error.message : String(error), { cause: error });
    });
  } finally {
    lock.release();
  }
}
