/**
 * Compute on this machine: each attempt is a supervisor, a detached process in a session of its own with its output in a file and
 * no pipe to the plane, so that it outlives the plane. Alive means that its Unix socket answers with its attempt; a bare process id
 * is never believed. What a dead plane left running is found again by the socket's name, which follows from the tag.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ComputeHandle, Run } from '#domain/run.ts';
import type { Compute, Launch, LaunchOrder, Machine, Observation, Reservation } from '#ports';
import { askSupervisor, socketPath } from './supervisor-socket.ts';
import { type MachineRoom, WaitingLine } from './waiting-line.ts';

const run = promisify(execFile);

/** After its manifest a supervisor tidies up and leaves by itself; then it is killed. */
const LEAVE_MILLIS = 5_000;
const ASK_AGAIN_MILLIS = 50;
/** From launch to listening: a Python start on a busy machine. */
const START_MILLIS = 20_000;

export interface ProcessComputeOptions {
  readonly home: string;
  readonly room: MachineRoom;
  /** the interpreter of the trainer's environment */
  readonly python: string;
  /** folder that holds the `trainer` package */
  readonly trainerFolder: string;
  readonly engineCommand: string | null;
  /** variables that the trainer gets beside ours */
  readonly passedOn: Readonly<Record<string, string>>;
  /** where a trainer reaches the plane, for one whose run folder is in the store: it gets credentials there */
  readonly planeUrl: () => Promise<string>;
  /** somebody who waits may go on */
  readonly onRoom: (tag: string) => void;
}

export class ProcessCompute implements Compute {
  readonly heartbeat = 'answers';
  readonly #options: ProcessComputeOptions;
  readonly #line: WaitingLine;

  constructor(options: ProcessComputeOptions) {
    this.#options = options;
    this.#line = new WaitingLine(options.room);
  }

  async machines(): Promise<readonly Machine[]> {
    const { room, python } = this.#options;
    const { held, waiting } = this.#line.overview();
    return [
      {
        name: hostname(),
        provider: 'local',
        slots: room.maxRuns,
        busy: [...held.keys()].sort(),
        waiting,
        gpus: room.gpus.map((index) => ({ index, heldBy: [...held].find(([, gpus]) => gpus.includes(index))?.[0] ?? null })),
        engines: existsSync(python) ? ['hf'] : [],
      },
    ];
  }

  async reserve(tag: string, { compute }: Pick<Run, 'compute'>): Promise<Reservation> {
    if (!existsSync(this.#options.python)) {
      return {
        kind: 'impossible',
        failure: { code: 'trainer_missing', message: `the trainer is not installed: ${this.#options.python} is not there` },
      };
    }
    const reservation = this.#line.reserve(tag, compute);
    if (reservation.kind === 'reserved') this.#callNext();
    return reservation;
  }

  async launch({ tag, run: { id: runId }, attempt, folder, openEnvironment, invite }: LaunchOrder): Promise<Launch> {
    const { home, python, trainerFolder, engineCommand, passedOn, room } = this.#options;
    const work = join(home, 'work', tag);
    const logs = join(home, 'supervisors');
    for (const path of [work, logs]) mkdirSync(path, { recursive: true });
    const socket = socketPath(home, tag);
    const gpus = this.#line.held(tag) ?? [];
    // In the store a trainer is let in like any other machine: by a claim, which gives it its variables too.
    const isStored = folder.startsWith('s3://');
    const invitation = isStored ? await invite(await this.#options.planeUrl()) : { TUNEPLANE_RUN_FOLDER: folder };
    const environmentFile = isStored ? null : writeEnvironment(work, await openEnvironment());
    const log = openSync(join(logs, `${tag}.log`), 'a');
    try {
      // The tag stands among the arguments so that `ps` shows whose it is.
      const child = spawn(python, ['-m', 'trainer.supervisor', tag], {
        cwd: trainerFolder,
        detached: true,
        stdio: ['ignore', log, log],
        env: {
          ...passedOn,
          PYTHONUNBUFFERED: '1',
          ...invitation,
          TUNEPLANE_RUN_ID: runId,
          TUNEPLANE_ATTEMPT: String(attempt),
          TUNEPLANE_WORK: work,
          TUNEPLANE_CACHE: join(home, 'cache'),
          TUNEPLANE_SOCKET: socket,
          ...(room.gpus.length > 0 ? { CUDA_VISIBLE_DEVICES: gpus.join(',') } : {}),
          ...(environmentFile === null ? {} : { TUNEPLANE_ENVIRONMENT_FILE: environmentFile }),
          ...(engineCommand === null ? {} : { TUNEPLANE_ENGINE: engineCommand }),
        },
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
      return { kind: 'launched', handle: { pid: child.pid ?? 0, launchedAt: Date.now(), gpus: [...gpus] } };
    } finally {
      closeSync(log);
    }
  }

  async observe(tag: string, handle: ComputeHandle | null): Promise<Observation> {
    const answer = await askSupervisor(socketPath(this.#options.home, tag));
    if (answer === 'gone' && (await findSupervisors(tag)).length === 0) return { liveness: 'gone' };
    const gpus = handle?.['gpus'];
    this.#line.adopt(tag, Array.isArray(gpus) ? gpus : []);
    if (typeof answer === 'object') return { liveness: 'alive' };
    const isStarting = Date.now() - Number(handle?.['launchedAt'] ?? 0) < START_MILLIS;
    return { liveness: isStarting ? 'alive' : 'silent' };
  }

  async terminate(tag: string): Promise<void> {
    const path = socketPath(this.#options.home, tag);
    const killFrom = Date.now() + LEAVE_MILLIS;
    for (;;) {
      const pids = await findSupervisors(tag);
      if (pids.length === 0) break;
      if (Date.now() > killFrom) for (const pid of pids) kill(pid);
      await delay(ASK_AGAIN_MILLIS);
    }
    await rm(join(this.#options.home, 'work', tag), { recursive: true, force: true });
    await rm(path, { force: true });
  }

  async release(tag: string): Promise<void> {
    const next = this.#line.release(tag);
    if (next !== null) this.#options.onRoom(next);
  }

  #callNext(): void {
    const next = this.#line.next();
    if (next !== null) this.#options.onRoom(next);
  }
}

/** The run's own variables go by a file that only its owner reads, never by an environment that `ps e` shows. Gone with the attempt's folder. */
function writeEnvironment(work: string, environment: Readonly<Record<string, string>>): string | null {
  if (Object.keys(environment).length === 0) return null;
  const path = join(work, 'environment.json');
  rmSync(path, { force: true }); // a mode is given at creation only
  writeFileSync(path, JSON.stringify(environment), { mode: 0o600 });
  return path;
}

/** Process ids whose arguments name this attempt: a bare id from a file could by now be anybody's. */
async function findSupervisors(tag: string): Promise<number[]> {
  const { stdout } = await run('ps', ['-ww', '-eo', 'pid=,stat=,args='], { maxBuffer: 64 * 1_048_576 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, stat, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid && stat && !stat.startsWith('Z') && args?.endsWith(`trainer.supervisor ${tag}`) ? [Number(pid)] : [];
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // gone by itself
  }
}

/** GPUs of this machine as CUDA counts them; none where there is no driver. */
export function findGpus(): number[] {
  try {
    const list = execFileSync('nvidia-smi', ['--query-gpu=index', '--format=csv,noheader'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    });
    return list.split('\n').flatMap((line) => (/^\d+$/.test(line.trim()) ? [Number(line.trim())] : []));
  } catch {
    return []; // no nvidia-smi: no GPU that could be used
  }
}
