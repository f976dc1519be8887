/** A plane in this process, until Ctrl-C. Trainers are not ended with it. */
import { readEnvironment } from '../../lambdas/local/environment.ts';
import { type Plane, startPlane } from '../../lambdas/local/plane.ts';
import { CommandFailure } from '../exit-code.ts';
import type { Session } from '../session.ts';
import { untilInterrupted, type World } from '../world.ts';

/** @param flags laid over the environment */
export async function start(session: Session, flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { world } = session;
  const plane = await openPlane({ ...world.variables, ...withoutGaps(flags) }, world);
  session.print('start', { url: plane.url, home: plane.home, unfinished_runs: plane.resumed }, () => describePlane(plane));
  await untilInterrupted(world);
  await closePlane(plane, session);
}

const withoutGaps = (flags: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));

/** @throws CommandFailure with what to do: the port is taken */
export async function openPlane(variables: World['variables'], { workingFolder }: Pick<World, 'workingFolder'>): Promise<Plane> {
  try {
    return await startPlane(readEnvironment(variables, workingFolder));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error)
      throw new CommandFailure('port_taken', `port ${error.port} is taken by another program: set PORT to a free one`, { cause: error });
    throw error;
  }
}

export function describePlane({ url, home, resumed }: Plane): string {
  return [
    `Tuneplane is on ${url}   (state in ${home})`,
    `  look     ${url}/`,
    `  docs     ${url}/docs   ${url}/redoc   ${url}/openapi.json`,
    `  runs     ${url}/runs   ${url}/api/sft/jobs   ${url}/api/training/jobs   ${url}/projects`,
    ...(resumed > 0 ? [`  took up ${resumed} unfinished run${resumed === 1 ? '' : 's'}`] : []),
  ].join('\n');
}

export async function closePlane(plane: Plane, session: Session): Promise<void> {
  const unfinished = await plane.close();
  if (unfinished === 0) return;
  const [goes, it] = unfinished === 1 ? ['run goes', 'it'] : ['runs go', 'them'];
  session.note(`\nthe plane is down; ${unfinished} ${goes} on, and "npm start" takes ${it} up again`);
}
