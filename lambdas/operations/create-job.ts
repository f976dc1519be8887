/**
 * A run in a folder that its user names: `<checkpoint_base_uri>/<run_id>/framework=<fw>/`. Successive runs of one `run_id` share its
 * checkpoints and nothing else; one of them is live at a time, and each has a job name of its own, for ever. Both are names in the run
 * store, claimed in the create's own transaction.
 */
import { DomainError, InvalidRequest } from '#domain/errors.ts';
import type { Run, RunView } from '#domain/run.ts';
import { checkpointId } from '#domain/run-artifacts.ts';
import { type CheckpointRecord, runFolderKeys } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import { type NameClaim, NameTaken } from '#ports/run-store.ts';
import { readFolderCheckpoints } from './advance/run-folder-files.ts';
import { changeRun } from './change-run.ts';
import { createRun } from './create-run.ts';
import { keepCheckpoint } from './keep-checkpoint.ts';
import { planOrder, type RunOrder, toNewRun } from './order-run.ts';

export interface NewJob {
  readonly order: RunOrder;
  readonly jobName: string;
  readonly runId: string;
  /** as the user wrote it */
  readonly base: string;
  readonly resume: boolean;
}

const jobClaim = (jobName: string): string => `job:${jobName}`;
const folderClaim = (folder: string): string => `folder:${folder}`;

/**
 * @returns the run, whose `metadata.notes` say what its user should know
 * @throws InvalidRequest; DomainError `name_taken`; VersionConflict where another call with the same key was first
 */
export async function createJob(ports: Ports, job: NewJob, remember?: (view: RunView) => Remembered | undefined): Promise<RunView> {
  const { order, jobName, runId, base, resume } = job;
  const plan = await planOrder(ports, order);
  const place = await ports.artifacts.placeBase(base);
  if ('problem' in place) throw new InvalidRequest([{ path: 'checkpoint_base_uri', message: place.problem }]);
  const folder = `${place.key}/${runId}/framework=${plan.training.framework}`;
  const folderOwner = await claimFolder(ports, folder, runId);
  const from = await findStart(ports, folder, runId, resume);
  const notes = [
    ...(place.note === null ? [] : [place.note]),
    ...(from ? [`goes on from ${from.checkpoint}`] : resume ? ['no checkpoint is there to resume from: it starts at step 0'] : []),
  ];
  if (from) await keepOrigin(ports, from);
  try {
    return await createRun(
      ports,
      {
        ...toNewRun(order, plan),
        name: jobName,
        place: { base: place.key, folder: runId },
        resumedFrom: from,
        names: [{ name: jobClaim(jobName) }, folderOwner],
        metadata: { ...order.metadata, runId, checkpointBaseUri: base, notes },
      },
      remember,
    );
  } catch (error) {
    if (!(error instanceof NameTaken)) throw error;
    const message =
      error.claim === jobClaim(jobName) ? `a job named '${jobName}' already exists` : `another run of run_id '${runId}' is live`;
    throw new DomainError('name_taken', message, {}, { cause: error });
  }
}

/** By its job's name, or by its id whatever API made it. @throws DomainError `run_not_found` */
export async function getJob(ports: Ports, name: string): Promise<RunView> {
  const id = (await ports.runs.findByName(jobClaim(name))) ?? name;
  const view = await ports.runs.get(id);
  if (!view) throw new DomainError('run_not_found', `no job '${name}'`, { runId: name });
  return view;
}

async function claimFolder(ports: Ports, folder: string, runId: string): Promise<NameClaim> {
  const name = folderClaim(folder);
  const holder = await ports.runs.findByName(name);
  if (holder === null) return { name };
  const view = await ports.runs.get(holder);
  if (view && !isFinal(view.run.state)) {
    throw new DomainError('name_taken', `run_id '${runId}' has a live run: job '${view.run.name}' is ${view.run.state}`);
  }
  return { name, heldBy: holder };
}

/** Where the run begins. @throws InvalidRequest where the folder holds checkpoints that it did not ask for */
async function findStart(ports: Ports, folder: string, runId: string, resume: boolean): Promise<Run['resumedFrom']> {
  const records = (await readFolderCheckpoints(ports, folder)).toReversed();
  const [newest] = records;
  if (newest && !resume) {
    throw new InvalidRequest([
      {
        path: 'run_id',
        message: `'${runId}' has checkpoints already, the newest is ${newest.name}: set resume_from_checkpoint to true and give a new job_name, or choose another run_id`,
      },
    ]);
  }
  for (const record of records) {
    const fault = await ports.artifacts.verify(`${folder}/${runFolderKeys.checkpointFolder(record.folder)}`, record.files);
    if (fault === null) return toStart(record);
  }
  return null;
}

/** The checkpoint may be of a run that this plane does not know any more. */
async function keepOrigin(ports: Ports, { runId, checkpoint }: NonNullable<Run['resumedFrom']>): Promise<void> {
  if ((await ports.runs.get(runId)) !== null) await changeRun(ports, runId, (draft) => keepCheckpoint(draft, checkpoint));
}

const toStart = ({ runId, name, folder, step }: CheckpointRecord): NonNullable<Run['resumedFrom']> => ({
  runId,
  artifactId: checkpointId({ id: runId }, name),
  checkpoint: name,
  folder,
  step,
});
