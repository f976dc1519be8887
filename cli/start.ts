import { readEnvironment } from '../lambdas/local/environment.ts';
import { type Plane, startPlane } from '../lambdas/local/plane.ts';

/** `npm start`: the plane until Ctrl-C. Trainers are not ended with it. */
export async function start(): Promise<number> {
  const signal = untilSignal(); // before anybody can read that the plane is up
  const plane = await startPlane(readEnvironment(process.env, process.cwd()));
  console.log(describePlane(plane));
  await signal;
  await closePlane(plane);
  return 0;
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

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(130));
        resolve();
      });
    }
  });
}

export async function closePlane(plane: Plane): Promise<void> {
  const unfinished = await plane.close();
  if (unfinished > 0)
    console.log(
      `\nthe plane is down; ${unfinished} run${unfinished === 1 ? ' goes' : 's go'} on, and "npm start" takes ${unfinished === 1 ? 'it' : 'them'} up again`,
    );
}
