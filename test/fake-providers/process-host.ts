/**
 * Machines as processes of this one: what a fake provider was asked to run is run, with the trainer of this repository in place of the
 * image, in a folder of its own. Where the real provider starts a container that ended again, so does this one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import type { FakeMachine, MachineHost } from './fake-provider.ts';
import { environmentOf } from './simulated-trainer.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const TRAINER = join(REPOSITORY, 'trainer-image');
const PYTHON = join(TRAINER, '.venv', 'bin', 'python');
const RESTART_MILLIS = 300;

/** RunPod and Vast.ai take the end of a container for a crash; the script of a Lambda machine runs once. */
const RESTARTS = new Set(['runpod', 'vastai']);

const runpodArgs = z.object({ entrypoint: z.array(z.string()), cmd: z.array(z.string()) });
const vastCommand = z.object({ runtype: z.literal('args'), onstart: z.string(), args: z.array(z.string()) });
const lambdaScript = z.object({ user_data: z.string() });

export interface ProcessHostOptions {
  /** the machines' disks lie below it */
  readonly folder: string;
  /** the image's own variables, beside where it works */
  readonly image: (machine: FakeMachine) => Readonly<Record<string, string>>;
}

interface Running {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  process: ChildProcess | null;
  isStopped: boolean;
  starts: number;
  output: string;
}

export class ProcessHost implements MachineHost {
  readonly #options: ProcessHostOptions;
  readonly #running = new Map<string, Running>();
  /** machines whose containers see no GPU */
  isBlind: (machine: FakeMachine) => boolean = () => false;

  constructor(options: ProcessHostOptions) {
    this.#options = options;
  }

  start(machine: FakeMachine, provider: string): void {
    const folder = join(this.#options.folder, machine.label);
    mkdirSync(join(folder, 'bin'), { recursive: true });
    const environment = { ...this.#imageOf(machine, folder), ...environmentOf(machine), ...givenBy(provider, machine) };
    const running: Running = { folder, environment, process: null, isStopped: false, starts: 0, output: '' };
    this.#running.set(machine.label, running);
    this.#boot(running, commandOf(machine, provider, folder), RESTARTS.has(provider));
  }

  stop({ label }: FakeMachine): void {
    const running = this.#running.get(label);
    if (!running || running.isStopped) return;
    running.isStopped = true;
    killAll(running.folder);
  }

  logOf({ label }: FakeMachine): readonly string[] {
    return (this.#running.get(label)?.output ?? '').split('\n');
  }

  /** How often its container was started. */
  startsOf({ label }: FakeMachine): number {
    return this.#running.get(label)?.starts ?? 0;
  }

  /** What the machines were told, and what they said: no key may stand in the second. */
  told(): { readonly environment: Readonly<Record<string, string>>; readonly output: string }[] {
    return [...this.#running.values()];
  }

  close(): void {
    for (const running of this.#running.values()) {
      running.isStopped = true;
      killAll(running.folder);
    }
  }

  #imageOf(machine: FakeMachine, folder: string): Record<string, string> {
    return {
      PATH: `${join(folder, 'bin')}:${dirname(PYTHON)}:/usr/bin:/bin`,
      PYTHONPATH: TRAINER,
      PYTHONUNBUFFERED: '1',
      HOME: folder,
      TUNEPLANE_WORK: join(folder, 'work'),
      TUNEPLANE_CACHE: join(this.#options.folder, 'cache'),
      CUDA_VISIBLE_DEVICES: this.isBlind(machine) ? '' : '0',
      ...this.#options.image(machine),
    };
  }

  #boot(running: Running, command: readonly string[], restarts: boolean): void {
    if (running.isStopped) return;
    running.starts += 1;
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      cwd: running.folder,
      env: running.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.process = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        running.output += text;
      });
    child.once('exit', () => {
      if (restarts) setTimeout(() => this.#boot(running, command, restarts), RESTART_MILLIS).unref();
    });
  }
}

/** As each provider's own way of saying it is understood there. */
function commandOf({ wanted }: FakeMachine, provider: string, folder: string): string[] {
  switch (provider) {
    case 'runpod': {
      const { entrypoint, cmd } = runpodArgs.parse(JSON.parse(String(wanted['args'])));
      return [...entrypoint, ...cmd];
    }
    case 'vastai': {
      const { onstart, args } = vastCommand.parse(wanted);
      return [onstart, ...args];
    }
    default: {
      const script = join(folder, 'user-data');
      writeFileSync(script, lambdaScript.parse(wanted).user_data.replaceAll('/var/lib/tuneplane', join(folder, 'disk')));
      for (const [name, text] of Object.entries(MACHINE_PROGRAMS)) {
        writeFileSync(join(folder, 'bin', name), text);
        chmodSync(join(folder, 'bin', name), 0o755);
      }
      return ['/bin/bash', script];
    }
  }
}

/** What providers put into every container by themselves. */
function givenBy(provider: string, { id }: FakeMachine): Record<string, string> {
  if (provider === 'runpod') return { RUNPOD_POD_ID: id, RUNPOD_API_KEY: 'pod-key-canary' };
  return provider === 'vastai' ? { CONTAINER_ID: id, CONTAINER_API_KEY: 'instance-key-canary' } : {};
}

/** A machine that knows no containers runs our script as root; this is its Docker. */
const MACHINE_PROGRAMS: Readonly<Record<string, string>> = {
  docker: `#!/bin/bash
case "$1" in
  info) echo '{"nvidia":{},"runc":{}}' ;;
  pull) ;;
  login) cat > /dev/null ;;
  run)
    shift
    while [[ $1 == --* ]]; do
      case "$1" in
        --env-file) file=$2; shift 2 ;;
        --entrypoint) entrypoint=$2; shift 2 ;;
        --*=*) shift ;;
        *) shift 2 ;;
      esac
    done
    shift # the image
    while IFS= read -r line; do export "$line"; done < "$file"
    exec "$entrypoint" "$@" ;;
  *) exit 64 ;;
esac
`,
};

/** The power is cut: every process that works in the machine's folder ends, whatever session it made its own. */
function killAll(folder: string): void {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readFileSync(`/proc/${name}/environ`, 'utf8').includes(folder)) process.kill(Number(name), 'SIGKILL');
    } catch {
      // ended meanwhile, or is nobody's of ours
    }
  }
}
