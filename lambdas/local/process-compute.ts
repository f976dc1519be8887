/** Compute on this machine: each attempt is a supervisor of its own (supervisor-processes.ts), as many at once as there is room for. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { ComputeHandle, Run } from '#domain/run.ts';
import type { Compute, Launch, LaunchOrder, Machine, Observation, Reservation } from '#ports/compute.ts';
import { findEngines } from './find-engines.ts';
import { SupervisorProcesses, type SupervisorSettings } from './supervisor-processes.ts';
import { type MachineRoom, WaitingLine } from './waiting-line.ts';

export interface ProcessComputeOptions extends SupervisorSettings {
  readonly room: MachineRoom;
  /** where a trainer reaches the plane, for one whose run folder is in the store: it gets credentials there */
  readonly planeUrl: () => Promise<string>;
  /** somebody who waits may go on */
  readonly onRoom: (tag: string) => void;
}

export class ProcessCompute implements Compute {
  readonly heartbeat = 'answers';
  readonly #options: ProcessComputeOptions;
  readonly #line: WaitingLine;
  readonly #supervisors: SupervisorProcesses;

  constructor(options: ProcessComputeOptions) {
    this.#options = options;
    this.#line = new WaitingLine(options.room);
    this.#supervisors = new SupervisorProcesses(options);
  }

  async machines(): Promise<readonly Machine[]> {
    const { room } = this.#options;
    const { held, waiting } = this.#line.overview();
    return [
      {
        name: hostname(),
        provider: 'local',
        slots: room.maxRuns,
        busy: [...held.keys()].sort(),
        waiting,
        gpus: room.gpus.map((index) => ({ index, heldBy: [...held].find(([, gpus]) => gpus.includes(index))?.[0] ?? null })),
        engines: findEngines(this.#options, room.gpus.length > 0),
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
    const { room, planeUrl } = this.#options;
    const gpus = this.#line.held(tag) ?? [];
    // In the store a trainer is let in like any other machine: by a claim, which gives it its variables too.
    const isStored = folder.startsWith('s3://');
    const invitation = isStored
      ? await invite(await planeUrl())
      : { TUNEPLANE_RUN_FOLDER: folder, ...writeEnvironment(this.#supervisors.workFolder(tag), await openEnvironment()) };
    const pid = await this.#supervisors.start({ tag, runId, attempt, invitation, gpus: room.gpus.length > 0 ? gpus : null });
    return { kind: 'launched', handle: { pid, launchedAt: Date.now(), gpus: [...gpus] } };
  }

  async observe(tag: string, handle: ComputeHandle | null): Promise<Observation> {
    const liveness = await this.#supervisors.look(tag, Number(handle?.['launchedAt'] ?? 0));
    if (liveness === 'gone') return { liveness };
    const gpus = handle?.['gpus'];
    this.#line.adopt(tag, Array.isArray(gpus) ? gpus : []);
    return { liveness };
  }

  async terminate(tag: string): Promise<void> {
    await this.#supervisors.end(tag);
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
function writeEnvironment(work: string, environment: Readonly<Record<string, string>>): Record<string, string> {
  if (Object.keys(environment).length === 0) return {};
  const path = join(work, 'environment.json');
  rmSync(path, { force: true }); // a mode is given at creation only
  writeFileSync(path, JSON.stringify(environment), { mode: 0o600 });
  return { TUNEPLANE_ENVIRONMENT_FILE: path };
}
