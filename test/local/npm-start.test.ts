/** `npm start` as a person, a service manager or a careless script ends it: nobody is left behind on the home and the port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { PlaneProcess } from '../support/plane-process.ts';
import { scriptedVariables } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const LIMIT_MILLIS = 30_000;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

test.each(['SIGKILL', 'SIGTERM'] as const)(
  'npm ended by %s takes the plane with it, and the next npm start takes the home',
  async (signal) => {
    const { path, remove } = await makeTemporaryFolder();
    cleanUp.push(remove);
    const port = await freePort();
    const variables = { ...process.env, ...scriptedVariables(path, {}), PORT: String(port) };
    const first = npmStart(variables);
    await until(() => answers(port));

    first.kill(signal);

    await until(async () => !(await answers(port)));
    npmStart(variables);
    await until(() => answers(port));
    expect(await answers(port)).toBe(true);
  },
);

function npmStart(variables: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn('npm', ['start'], { cwd: REPOSITORY, env: variables, stdio: 'ignore' });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  cleanUp.push(() => {
    child.kill('SIGTERM');
    return gone;
  });
  return child;
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
  } catch {
    return false; // nobody listens
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const limit = Date.now() + LIMIT_MILLIS;
  while (!(await isSo())) {
    if (Date.now() > limit) throw new Error('not so in 30 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a port that is taken is told in words, with what to do', async () => {
  const { path, remove } = await makeTemporaryFolder();
  cleanUp.push(remove);
  const taken = createServer().listen(0, '127.0.0.1');
  cleanUp.push(() => taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address ? String(address.port) : '';

  await expect(PlaneProcess.start({ ...scriptedVariables(path, {}), PORT: port })).rejects.toThrow(
    `port ${port} is taken by another program: set PORT to a free one`,
  );
});
