/** The plane as a process of its own, so that it can be killed; and who belongs to which run in the process table. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const START_LIMIT_MILLIS = 30_000;

export class PlaneProcess {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;

  private constructor(url: string, child: ChildProcess, exit: Promise<number | null>) {
    this.url = url;
    this.#child = child;
    this.#exit = exit;
  }

  /** Resolves when it has printed its address. @throws Error with what it printed where it ends before */
  static start(variables: Readonly<Record<string, string>>): Promise<PlaneProcess> {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', join(REPOSITORY, 'bin', 'tuneplane.ts'), 'start'], {
      env: variables,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const exit = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the plane does not start: ${output}`)), START_LIMIT_MILLIS);
      void exit.then((code) => reject(new Error(`the plane ended with ${code}: ${output}`)));
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          output += chunk;
          const url = /Tuneplane is on (http:\S+)/.exec(output)?.[1];
          if (url === undefined) return;
          clearTimeout(timer);
          resolve(new PlaneProcess(url, child, exit));
        });
      }
    });
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal);
    return this.#exit;
  }
}

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly args: string;
}

function processTable(): ProcessRow[] {
  return execFileSync('ps', ['-ww', '-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8', maxBuffer: 64 * 1_048_576 })
    .split('\n')
    .flatMap((line) => {
      const [, pid, parent, stat, args] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
      return pid && parent && stat && args && !stat.startsWith('Z') ? [{ pid: Number(pid), parent: Number(parent), args }] : [];
    });
}

export const supervisorsOf = (runId: string): number[] =>
  processTable().flatMap(({ pid, args }) => (args.includes(`trainer.supervisor ${runId}-`) ? [pid] : []));

/** @param home of a plane: each attempt that was started there has a folder below work/, named as it is */
export function supervisorsIn(home: string): number[] {
  const work = join(home, 'work');
  const attempts = new Set(existsSync(work) ? readdirSync(work) : []);
  if (attempts.size === 0) return [];
  return processTable().flatMap(({ pid, args }) => {
    const attempt = /trainer\.supervisor (\S+)/.exec(args)?.[1];
    return attempt !== undefined && attempts.has(attempt) ? [pid] : [];
  });
}

export function enginesOf(runId: string): number[] {
  const rows = processTable();
  const supervisors = new Set(rows.filter(({ args }) => args.includes(`trainer.supervisor ${runId}-`)).map(({ pid }) => pid));
  return rows.flatMap(({ pid, parent, args }) => (supervisors.has(parent) && args.includes('engine.py') ? [pid] : []));
}

/** SIGKILL to each; gone already is fine. */
export function killAll(pids: readonly number[]): number {
  return pids.filter((pid) => {
    try {
      return process.kill(pid, 'SIGKILL');
    } catch {
      return false; // it ended by itself
    }
  }).length;
}
