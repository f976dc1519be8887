/** The AWS emulator as a process of ours, on a loopback port. It ends when this process does, because its standard input ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';

const FOLDER = import.meta.dirname;
const PYTHON = join(FOLDER, '.venv', 'bin', 'python');
const START_MILLIS = 60_000;

export interface Emulator {
  /** http://127.0.0.1:<port> */
  readonly endpoint: string;
  stop(): Promise<void>;
}

export interface EmulatorOptions {
  /** without our patches */
  readonly stock?: boolean;
  /** what the image of a Batch job starts on this machine */
  readonly images?: Readonly<Record<string, readonly string[]>>;
  /** how long a terminated job has between SIGTERM and SIGKILL */
  readonly stopSeconds?: number;
  /** what a second of a state machine's wait takes, in seconds */
  readonly waitScale?: number;
  /** where distributions of CloudFront are reached from outside: a proxy of the test's own */
  readonly frontDoor?: string;
}

/** @throws Error where it does not come up */
export async function startEmulator({
  stock = false,
  images = {},
  stopSeconds = 1,
  waitScale = 0.02,
  frontDoor,
}: EmulatorOptions = {}): Promise<Emulator> {
  const port = await freePort();
  const child = spawn(PYTHON, [join(FOLDER, 'emulator.py'), '--port', String(port), ...(stock ? ['--stock'] : [])], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: {
      // The functions that it runs are Node processes, and it takes the first `node` of the path.
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      HOME: process.env.HOME,
      EMULATOR_IMAGES: JSON.stringify(images),
      EMULATOR_STOP_SECONDS: String(stopSeconds),
      SFN_WAIT_SCALE: String(waitScale),
      ...(frontDoor !== undefined && { EMULATOR_FRONT_DOOR: frontDoor }),
    },
  });
  const ended = once(child, 'exit');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-4_000);
  });
  const endpoint = `http://127.0.0.1:${port}`;
  for (const until = Date.now() + START_MILLIS; !(await isHealthy(endpoint)); await sleep(100)) {
    if (child.exitCode !== null || Date.now() > until) {
      child.kill('SIGKILL');
      throw new Error(`the AWS emulator did not start ("npm test" installs it): ${errors}`);
    }
  }
  return {
    endpoint,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

const isHealthy = (endpoint: string): Promise<boolean> =>
  fetch(`${endpoint}/_ministack/health`).then(
    (answer) => answer.ok,
    () => false,
  );
