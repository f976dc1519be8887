/** The one-machine home, put together: one process, one folder. Here ports meet their local adapters, and nowhere else. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WORKER_LINE } from '#compute/waiting-runs.ts';
import { WorkerCompute } from '#compute/worker-compute.ts';
import { attemptName, runIdOfAttempt } from '#domain/run-folder.ts';
import { isInStore } from '#domain/worker.ts';
import { createDefaultHandler } from '#http/default-handler.ts';
import { KEPT_MILLIS } from '#http/idempotency.ts';
import { createSurfaceHandler } from '#http/surface-handler.ts';
import { advanceRun } from '#operations/advance-run.ts';
import { ComputeTable } from '#operations/compute-table.ts';
import { finishDeletions } from '#operations/delete-run.ts';
import { deliverEvents } from '#operations/deliver-events.ts';
import { seedDefaultProject } from '#operations/projects.ts';
import { seedRows } from '#operations/stored-rows.ts';
import { TICKETS } from '#operations/tickets.ts';
import type { Ports } from '#ports/ports.ts';
import type { Clock, EventSink } from '#ports/workflow.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { trajectoryBody } from '#surfaces/training-svc/schemas.ts';
import { type LocalEnvironment, runsByCores } from './environment.ts';
import { EventFile } from './event-file.ts';
import { FileDownloads } from './file-downloads.ts';
import { FileUploads } from './file-uploads.ts';
import { findGpus } from './find-gpus.ts';
import { FolderArtifacts } from './folder-artifacts.ts';
import { FolderContents } from './folder-contents.ts';
import { FolderInputs } from './folder-inputs.ts';
import { openFolderMark } from './folder-mark.ts';
import { openHomeKey } from './home-key.ts';
import { lockHome } from './home-lock.ts';
import { HomeMachineTokens } from './home-machine-tokens.ts';
import { startHttpServer } from './http-server.ts';
import { InProcessBell } from './in-process-bell.ts';
import { logFault } from './log-fault.ts';
import { noStorageGrants } from './no-storage-grants.ts';
import { OwnMachines } from './own-machines.ts';
import { PlacedArtifacts, placedDownloads } from './placed-artifacts.ts';
import { ProcessCompute } from './process-compute.ts';
import { openHomeStore, openRentals, STORE_PACE } from './renting.ts';
import { RunDriver } from './run-driver.ts';
import { SecretBox } from './secret-box.ts';
import { SignedLinks } from './signed-links.ts';
import { SqliteAnswerStore } from './sqlite-answer-store.ts';
import { SqliteDatabase } from './sqlite-database.ts';
import { SqliteDocumentStore } from './sqlite-document-store.ts';
import { SqliteLogIndex } from './sqlite-log-index.ts';
import { SqliteRunStore } from './sqlite-run-store.ts';
import { StagedInputs } from './staged-inputs.ts';
import { Sweeper } from './sweeper.ts';
import { JobSockets } from './websocket-server.ts';

export interface Plane {
  readonly url: string;
  readonly home: string;
  /** unfinished runs that were found and taken up */
  readonly resumed: number;
  /** Ends the plane; trainers go on. @returns how many runs are unfinished */
  close(): Promise<number>;
}

const REPOSITORY = join(import.meta.dirname, '..', '..');
/** Made by `bin/build-web.ts` at the first start. */
const DASHBOARD = join(REPOSITORY, 'web', 'dist');
const HOUR_MILLIS = 3_600_000;
/** A look is a read and a write here. */
const WORKER_LOOK_SECONDS = 2;
/** Boot, image and start of a rented machine: 10 GB of image at 100 Mbit/s are 14 minutes. A trainer of this machine answers by itself. */
const RENTED_START_SECONDS = 1_800;
/** A store may be away for minutes, and a machine that trains on meanwhile is not lost. */
const STORE_SILENCE_SECONDS = 600;

/** @throws Error with a sentence for people: the home is in use, the port is taken, the database is of a newer version */
export async function startPlane(environment: LocalEnvironment): Promise<Plane> {
  const { home } = environment;
  const lock = lockHome(home);
  try {
    return await startLocked(environment, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startLocked(environment: LocalEnvironment, lock: ReturnType<typeof lockHome>): Promise<Plane> {
  const { home, dataRoot, token, port } = environment;
  const clock: Clock = { now: Date.now };
  const database = SqliteDatabase.open(home);
  const eventFile = await EventFile.open(join(home, 'events.jsonl'));
  const bell = new InProcessBell();
  const sink: EventSink = {
    deliver: async (events) => {
      bell.ring(events);
      await eventFile.deliver(events);
    },
  };
  const outbox = new Outbox(() => deliverEvents({ runs, sink }));
  const runs = new SqliteRunStore(database, {
    clock,
    onEvents: () => outbox.ring(),
    onProgress: (runId) => bell.ring([{ runId }]),
  });
  const gpus = findGpus().map(({ index }) => index);
  const address = Promise.withResolvers<string>(); // known when the server listens, which is after runs were taken up
  const driver = new RunDriver({ advance: (runId) => advanceRun(ports, runId), onError: logAdvanceError });
  const maxRuns = environment.maxRuns ?? (gpus.length || runsByCores());
  const here = new ProcessCompute({
    home,
    room: { maxRuns, gpus },
    python: environment.trainerPython ?? join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python'),
    trainerFolder: join(REPOSITORY, 'trainer-image'),
    engineCommand: environment.engineCommand,
    passedOn: environment.passedOn,
    onRoom: (tag) => void driver.nudge(runIdOfAttempt(tag)),
    planeUrl: () => address.promise,
  });
  const folders = new FolderArtifacts({ root: join(home, 'artifacts'), dataRoot, buckets: join(home, 's3') });
  const { renting } = environment;
  const store = await openHomeStore(renting);
  const artifacts = store === null ? folders : new PlacedArtifacts(folders, store);
  const links = new SignedLinks({ key: openHomeKey(join(home, 'links.key')), clock });
  const downloads = new FileDownloads({ links, artifacts: folders });
  const contents = join(home, 'contents');
  const uploads = new FileUploads({ folder: contents, links });
  const documents = new SqliteDocumentStore(database, { clock });
  const machineTokens = HomeMachineTokens.open(home);
  const workers = new WorkerCompute({
    documents,
    clock,
    isOnPlane: (run) => !isInStore(run, (key) => store?.holds(key) ?? false),
    lookSeconds: WORKER_LOOK_SECONDS,
    mark: openFolderMark(home),
  });
  const own = new OwnMachines({ here, workers, hasGpu: gpus.length > 0, maxRuns });
  await own.takeUp();
  const rentals = openRentals(renting, { documents, clock, machineTokens });
  const filesHere = new FolderInputs({ dataRoot, contents });
  const ports: Ports = {
    runs,
    documents,
    answers: new SqliteAnswerStore(database),
    artifacts,
    downloads: store === null ? downloads : placedDownloads(downloads, store),
    inputs: store === null ? filesHere : new StagedInputs(filesHere, store),
    contents: new FolderContents({ folder: contents, uploads }),
    secrets: SecretBox.open(home, environment.secrets),
    machineTokens,
    storageGrants: store?.grants ?? noStorageGrants,
    ...(store && { mailboxes: store.signedObjects }),
    compute: new ComputeTable({ local: own, ...rentals }),
    workflow: driver,
    sink,
    bell,
    logIndex: new SqliteLogIndex(database),
    clock,
    settings: {
      provider: 'local',
      providers: ['local', ...Object.keys(rentals)],
      providerRemedies: renting.missing,
      defaultBase: 'tiny-llama',
      secrets: Object.keys(environment.secrets),
      allowedImages: [],
      reportSeconds: environment.reportSeconds ?? (store === null ? 1 : 5),
      ...(store !== null && environment.reportSeconds === null && { pace: STORE_PACE }),
      ...(store !== null && { runsBase: store.runsBase }),
      stallSeconds: environment.stallSeconds,
      claimSeconds: 10,
      silenceSeconds: store === null ? 120 : STORE_SILENCE_SECONDS,
      startSeconds: RENTED_START_SECONDS,
      capacitySeconds: 24 * 3_600,
      publicUrl: environment.publicUrl,
    },
  };

  await seedDefaultProject(ports);
  await seedExamples(ports);
  const resumed = await takeUpRuns(ports);
  outbox.ring();
  const access = { tokens: token === null ? [] : [token], allowedOrigins: [] };
  const surfaces = [createPlatformSurface(API_SURFACES, access, { dashboard: DASHBOARD }), ...API_SURFACES];
  const sockets = new JobSockets({ ports, access });
  const server = await startHttpServer({
    port,
    surfaces: surfaces.map((surface) => ({ surface, handle: createSurfaceHandler(surface, ports, access) })),
    fallback: createDefaultHandler(surfaces, access),
    serveFile: (request, response) => downloads.serve(request, response) || uploads.serve(request, response),
    upgrade: sockets.upgrade,
    access,
  });
  lock.announce(server.url);
  address.resolve(server.url);
  void tidyUp(ports);
  const housekeeping = setInterval(() => void tidyUp(ports), HOUR_MILLIS).unref();
  const sweeper = new Sweeper(ports, environment.sweepSeconds);

  return {
    url: server.url,
    home,
    resumed,
    close: async () => {
      clearInterval(housekeeping);
      await sweeper.stop();
      sockets.close();
      bell.close(); // who waits for an event is answered, and does not hold up the end
      await server.close();
      await driver.stop();
      const unfinished = (await runs.unfinished()).length;
      await outbox.settled();
      store?.close();
      database.close();
      await eventFile.close();
      lock.release();
      return unfinished;
    },
  };
}

/** Idempotent answers are kept for a day, tickets and places in the workers' line until they are over; deletions that were cut off are finished. */
async function tidyUp(ports: Ports): Promise<void> {
  const { answers, documents, clock } = ports;
  try {
    await answers.expire(clock.now() - KEPT_MILLIS);
    for (const collection of [TICKETS, WORKER_LINE]) await documents.expire(collection, clock.now());
    await finishDeletions(ports);
  } catch (error) {
    logFault('expiry-failed', {}, error); // the next hour tries again
  }
}

/** What the documents' own examples name is there from the start. */
async function seedExamples(ports: Ports): Promise<void> {
  await seedRows(ports, 'session', 's-1', await readFile(join(REPOSITORY, 'examples', 'sessions', 's-1.jsonl'), 'utf8'));
  const file = await readFile(join(REPOSITORY, 'examples', 'trajectories', 't-1.json'), 'utf8');
  const trajectory = trajectoryBody.parse(JSON.parse(file)); // one line, whatever the file's layout
  await seedRows(ports, 'trajectory', 't-1', JSON.stringify(trajectory));
}

/** What was left at work keeps its slots before anybody who waits is asked; then every run is looked at, the oldest first. */
async function takeUpRuns(ports: Ports): Promise<number> {
  const unfinished = await ports.runs.unfinished();
  const views = await Promise.all(unfinished.map(({ id }) => ports.runs.get(id)));
  const attempts = views.flatMap((view) =>
    view?.run.attempt && view.run.attempt.endedAt === null ? [{ run: view.run, attempt: view.run.attempt }] : [],
  );
  await Promise.all(
    attempts.map(({ run, attempt }) => ports.compute.of(run.provider).observe(attemptName(run.id, attempt.number), attempt.handle)),
  );
  for (const { id } of unfinished) await ports.workflow.start(id);
  return unfinished.length;
}

/** The doorbell of the outbox: rings while it is being emptied lead to one more round. */
class Outbox {
  readonly #empty: () => Promise<unknown>;
  #round: Promise<void> | null = null;
  #rung = false;

  constructor(empty: () => Promise<unknown>) {
    this.#empty = empty;
  }

  ring(): void {
    this.#rung = true;
    this.#round ??= this.#run();
  }

  async settled(): Promise<void> {
    await this.#round;
  }

  async #run(): Promise<void> {
    while (this.#rung) {
      this.#rung = false;
      try {
        await this.#empty();
      } catch (error) {
        logFault('outbox-failed', {}, error); // the events stay in the outbox; the next ring takes them
      }
    }
    this.#round = null;
  }
}

const logAdvanceError = (runId: string, error: unknown): void => logFault('advance-failed', { runId }, error);
