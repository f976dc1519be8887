/** The servers under test as processes of their own, and what the kernel knows of them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { RawConnection, toBytes } from './raw-client.ts';

/** `/proc/<pid>/stat` counts in clock ticks, which are 10 ms on every Linux that Node runs on. */
const TICK_MICROSECONDS = 10_000;
const START_LIMIT_MILLISECONDS = 60_000;
const QUIET_LIMIT_MILLISECONDS = 30_000;
const RETRY_MILLISECONDS = 2;

export interface ServerOrder {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly port: number;
  /** answers with anything at all when the server is up */
  readonly firstPath: string;
}

export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  /** Starts the program and waits for its first answer. @throws Error with the end of its output, where it ends or does not answer in time */
  static async start({
    command,
    args,
    folder,
    environment = {},
    port,
    firstPath,
  }: ServerOrder): Promise<{ server: ServerProcess; startMillis: number }> {
    const began = performance.now();
    // A group of its own, so that what npm starts ends with it.
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const server = new ServerProcess(child, port);
    let output = '';
    let failure: Error | null = null;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-4_000);
      });
    }
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', (code) => {
      failure ??= new Error(`${command} ended with ${code}`);
    });
    for (;;) {
      if (failure === null && performance.now() - began > START_LIMIT_MILLISECONDS)
        failure = new Error(`${command} did not answer within ${START_LIMIT_MILLISECONDS / 1_000} s`);
      if (failure !== null) {
        await server.stop();
        throw new Error(`${String(failure)}\n${output}`);
      }
      if (await answers(port, firstPath)) return { server, startMillis: performance.now() - began };
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Processor time so far, all threads; null where there is no /proc. */
  cpuMicros(): number | null {
    const stat = this.#read('stat');
    if (stat === null) return null;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third on: the name may hold spaces
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
  }

  /** Resident memory; null where there is no /proc. */
  residentMegabytes(): number | null {
    const kilobytes = /VmRSS:\s+(\d+) kB/.exec(this.#read('status') ?? '')?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1_024;
  }

  /** Resolves when what earlier requests left to do is done: a tenth of a second with hardly any processor time. Gives up after a while. */
  async untilQuiet(): Promise<void> {
    const deadline = performance.now() + QUIET_LIMIT_MILLISECONDS;
    while (performance.now() < deadline) {
      const before = this.cpuMicros() ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 100));
      if ((this.cpuMicros() ?? 0) - before <= TICK_MICROSECONDS) return;
    }
  }

  async stop(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    process.kill(-pid, 'SIGTERM');
    const impatience = setTimeout(() => process.kill(-pid, 'SIGKILL'), 10_000);
    await ended;
    clearTimeout(impatience);
  }

  #read(file: string): string | null {
    try {
      return readFileSync(`/proc/${this.#child.pid}/${file}`, 'utf8');
    } catch {
      return null; // no Linux, or gone already: the figure is left out
    }
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function answers(port: number, path: string): Promise<boolean> {
  let connection: RawConnection | undefined;
  try {
    connection = await RawConnection.open(port);
    return (await connection.send(toBytes({ method: 'GET', path }))).status > 0;
  } catch {
    return false; // not up yet: asked again
  } finally {
    connection?.close();
  }
}
