/** The two servers: how each is started, and what a create and a get of it look like. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type RequestText, toBytes } from './raw-client.ts';
import { freePort, ServerProcess } from './server-process.ts';

export interface Contestant {
  readonly name: string;
  readonly server: ServerProcess;
  /** from the start of its process to its first answer */
  readonly startMillis: number;
  readonly toBytes: (request: RequestText) => Buffer;
}

const contestant = (
  name: string,
  { server, startMillis }: { readonly server: ServerProcess; readonly startMillis: number },
  headers: Readonly<Record<string, string>>,
): Contestant => ({
  name,
  server,
  startMillis,
  toBytes: (request) => toBytes({ ...request, headers: { ...headers, ...request.headers } }),
});

/** With a token, so that it is compared with every request; it accepts runs and starts none. */
export async function startPlane(repository: string, home: string): Promise<Contestant> {
  const port = await freePort();
  const token = randomBytes(32).toString('hex');
  const started = await ServerProcess.start({
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', 'bin/tuneplane.ts', 'start'],
    folder: repository,
    environment: { TUNEPLANE_HOME: home, PORT: String(port), TUNEPLANE_MAX_RUNS: '0', TRAINER_API_TOKEN: token },
    port,
    firstPath: '/healthz',
  });
  return contestant('plane', started, { Authorization: `Bearer ${token}` });
}

/** @throws Error where its packages cannot be installed: uv, and PyPI once */
export async function startPeer(repository: string): Promise<Contestant> {
  const project = join(repository, 'bench');
  execFileSync(process.env.TUNEPLANE_UV ?? 'uv', ['sync', '--frozen', '--quiet', '--project', project], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const port = await freePort();
  const started = await ServerProcess.start({
    command: join(project, '.venv', 'bin', 'python'),
    args: ['fastapi_peer.py', String(port)],
    folder: project,
    port,
    firstPath: '/api/sft/jobs/none',
  });
  return contestant('FastAPI', started, {});
}

/** `npm start` as a person types it, in a new home: from the command to the first answer, everything between included. */
export async function measureStart(repository: string, home: string): Promise<number> {
  const port = await freePort();
  const { server, startMillis } = await ServerProcess.start({
    command: 'npm',
    args: ['start'],
    folder: repository,
    environment: { TUNEPLANE_HOME: home, PORT: String(port), TUNEPLANE_MAX_RUNS: '0' },
    port,
    firstPath: '/healthz',
  });
  await server.stop();
  return startMillis;
}
