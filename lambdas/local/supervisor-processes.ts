/**
 * Supervisors of this machine: each a detached process in a session of its own with its output in a file and no pipe to whoever started
 * it, so that it outlives that. Alive means that its Unix socket answers with its attempt; a bare process id is never believed. What a
 * dead process left running is found again by the socket's name, which follows from the tag.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Liveness } from '#ports/compute.ts';
import { askSupervisor, socketPath } from './supervisor-socket.ts';

const run = promisify(execFile);

/** After its manifest a supervisor tidies up and leaves by itself; then it is killed. */
const LEAVE_MILLIS = 5_000;
const ASK_AGAIN_MILLIS = 50;
/** From launch to listening: a Python start on a busy machine. */
const START_MILLIS = 20_000;

export interface SupervisorSettings {
  /** state of the machine: work, sockets, outputs, the shared cache */
  readonly home: string;
  /** the interpreter of the trainer's environment */
  readonly python: string;
  /** folder that holds the `trainer` package */
  readonly trainerFolder: string;
  /** a JSON array: the command that replaces the training engine */
  readonly engineCommand: string | null;
  /** variables that the trainer gets beside ours */
  readonly passedOn: Readonly<Record<string, string>>;
}

export interface SupervisorStart {
  readonly tag: string;
  readonly runId: string;
  readonly attempt: number;
  /** how it comes to its run folder */
  readonly invitation: Readonly<Record<string, string>>;
  /** null: this machine has none, and nothing is said of them */
  readonly gpus: readonly number[] | null;
}

export class SupervisorProcesses {
  readonly #settings: SupervisorSettings;

  constructor(settings: SupervisorSettings) {
    this.#settings = settings;
  }

  /** A folder of the attempt's own, emptied with its end. It is made where it is missing. */
  workFolder(tag: string): string {
    const folder = join(this.#settings.home, 'work', tag);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** @returns its process id */
  async start({ tag, runId, attempt, invitation, gpus }: SupervisorStart): Promise<number> {
    const { home, python, trainerFolder, engineCommand, passedOn } = this.#settings;
    const logs = join(home, 'supervisors');
    mkdirSync(logs, { recursive: true });
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
          TUNEPLANE_WORK: this.workFolder(tag),
          TUNEPLANE_CACHE: join(home, 'cache'),
          TUNEPLANE_SOCKET: socketPath(home, tag),
          ...(gpus === null ? {} : { CUDA_VISIBLE_DEVICES: gpus.join(',') }),
          ...(engineCommand === null ? {} : { TUNEPLANE_ENGINE: engineCommand }),
        },
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
      return child.pid ?? 0;
    } finally {
      closeSync(log);
    }
  }

  /** @param launchedAt milliseconds since 1970, where it is known */
  async look(tag: string, launchedAt = 0): Promise<Liveness> {
    const answer = await askSupervisor(socketPath(this.#settings.home, tag));
    if (answer === 'gone' && (await findSupervisors(tag)).length === 0) return 'gone';
    if (typeof answer === 'object') return 'alive';
    return Date.now() - launchedAt < START_MILLIS ? 'alive' : 'silent';
  }

  /** Asks it to come to its end with a last checkpoint: its machine is taken away. */
  async interrupt(tag: string): Promise<void> {
    for (const pid of await findSupervisors(tag)) signal(pid, 'SIGTERM');
  }

  /** Resolves when it is gone, descendants included. @param leaveMillis how long it may take to leave by itself */
  async end(tag: string, leaveMillis = LEAVE_MILLIS): Promise<void> {
    const killFrom = Date.now() + leaveMillis;
    for (;;) {
      const pids = await findSupervisors(tag);
      if (pids.length === 0) break;
      if (Date.now() >= killFrom) for (const pid of pids) signal(pid, 'SIGKILL');
      await delay(ASK_AGAIN_MILLIS);
    }
    await rm(join(this.#settings.home, 'work', tag), { recursive: true, force: true });
    await rm(socketPath(this.#settings.home, tag), { force: true });
  }
}

/** Process ids whose arguments name this attempt: a bare id from a file could by now be anybody's. */
async function findSupervisors(tag: string): Promise<number[]> {
  const { stdout } = await run('ps', ['-ww', '-eo', 'pid=,stat=,args='], { maxBuffer: 64 * 1_048_576 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, stat, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid && stat && !stat.startsWith('Z') && args?.endsWith(`trainer.supervisor ${tag}`) ? [Number(pid)] : [];
  });
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // gone by itself
  }
}
