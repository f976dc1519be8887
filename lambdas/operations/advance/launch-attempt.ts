/**
 * Reserve, then launch. The order is what survives a crash at any point:
 *
 *   room on the compute -> attempt reserved in the record, resume point pinned -> spec and control in the folder
 *   -> compute.launch -> handle in the record
 *
 * A crash between the last two leaves a reserved attempt without a handle. It is not launched blindly again: its claim is waited
 * for, and then it is launched under the same tag, where the claim lets only one machine train.
 */
import { programOf } from '#domain/custom-program.ts';
import { NOTHING_LEFT, type Run, type RunView, toPastAttempt } from '#domain/run.ts';
import { type AttemptSpec, attemptName, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { changeRun } from '../change-run.ts';
import { inviteMachine } from '../invite-machine.ts';
import { openVariables } from '../run-environment.ts';
import { findWholeCheckpoint, toResumePoint } from './checkpoints.ts';
import { ENDING_SECONDS, isGone } from './end-machine.ts';
import { type Advance, IDLE_SECONDS, lookSeconds } from './pace.ts';
import { waitOfLaunched } from './patience.ts';
import { pollAttempt } from './poll-attempt.ts';
import { mayLaunch, noteLaunched, noteWaiting, recordLaunch, refuse } from './record-launch.ts';
import { inFolder, isVoid, readAttempt, voidAttempt, writeControl } from './run-folder-files.ts';

export async function launchAttempt(ports: Ports, view: RunView): Promise<Advance> {
  const { run } = view;
  const open = run.attempt !== null && run.attempt.endedAt === null ? run.attempt : null;
  const number = open?.number ?? (run.attempt?.number ?? 0) + 1;
  const tag = attemptName(run.id, number);

  if (open && run.want !== 'run') return abandonReservation(ports, view, open.number);

  const compute = ports.compute.of(run.provider);
  // Whoever ended the attempt before may not have lived to give its room back.
  if (!open && number > 1) await compute.release(attemptName(run.id, number - 1));
  const reservation = await compute.reserve(tag, run);
  if (reservation.kind === 'impossible') return refuse(ports, run, reservation);
  if (reservation.kind === 'no-capacity') {
    // Asking for room put it in line: whoever was stopped or paused meanwhile must not stay there, in front of others.
    if (!(await noteWaiting(ports, run, reservation))) await compute.release(tag);
    return { phase: 'launch', waitSeconds: IDLE_SECONDS };
  }
  const reserved = open ? run : await reserveAttempt(ports, run, number);
  if (reserved === 'another') return { phase: 'launch', waitSeconds: ports.settings.reportSeconds };
  if (reserved === null) {
    await compute.release(tag);
    return { phase: 'launch', waitSeconds: 0 };
  }
  if (open && (await mayStillStart(ports, run, tag))) return { phase: 'launch', waitSeconds: lookSeconds(ports, run) };

  await writeInputs(ports, reserved, number);
  const launch = await compute.launch({
    tag,
    run: reserved,
    attempt: number,
    folder: ports.artifacts.locate(run.folder),
    openEnvironment: () => openVariables(ports, run),
    invite: (planeUrl) => inviteMachine(ports, reserved, number, planeUrl),
  });
  return recordLaunch(ports, run, number, launch);
}

/** Writes the new attempt into the record. `another`: some other caller did, and launches it. Null where the run moved on meanwhile (stopped, paused). */
async function reserveAttempt(ports: Ports, run: Run, number: number): Promise<Run | 'another' | null> {
  const checkpoint = run.attempt === null ? null : await findWholeCheckpoint(ports, run);
  const resumeFrom = checkpoint ? toResumePoint(checkpoint) : run.attempt === null ? run.lastCheckpoint : toOrigin(run);
  let isOurs = false;
  const view = await changeRun(ports, run.id, (draft) => {
    isOurs = false;
    const isNext = (draft.run.attempt?.number ?? 0) === number - 1 && (draft.run.attempt === null || draft.run.attempt.endedAt !== null);
    if (!isNext || !mayLaunch(draft.run)) return;
    isOurs = true;
    draft.run.attempt = {
      number,
      reservedAt: draft.timestamp,
      handle: null,
      claimId: null,
      resumeFrom,
      checkpointsSeen: 0,
      samplesSeen: 0,
      silentSince: null,
      startingSince: null,
      trainingSince: null,
      ending: null,
      endedAt: null,
    };
    draft.run.checkpointRequest = 0; // an earlier attempt's wish is over
    draft.run.controlVersion += 1; // the attempt before reads `superseded` under a version it has not seen
    draft.run.lastCheckpoint = resumeFrom;
    const { baseModel } = draft.run.training;
    // The hub's newest commit may be another one by now: a run goes on with the weights it began with.
    if (checkpoint && baseModel.kind === 'hub') baseModel.commit = checkpoint.base.commit;
    draft.run.waiting = waitOfLaunched(draft);
    draft.note('attempt-reserved', {
      message: resumeFrom ? `attempt ${number} goes on from ${resumeFrom.checkpoint}` : `attempt ${number} starts at step 0`,
      data: { resumeFrom },
    });
  });
  if (isOurs) return view.run;
  return view.run.attempt?.number === number && view.run.attempt.endedAt === null ? 'another' : null;
}

/** Before it saved anything itself, a resumed run goes on from where it began. */
const toOrigin = ({ resumedFrom }: Run): Run['lastCheckpoint'] =>
  resumedFrom && { checkpoint: resumedFrom.checkpoint, folder: resumedFrom.folder, step: resumedFrom.step };

/** A reserved attempt found without a handle: somebody launched it, or was about to. Wait for its claim before launching it again. */
async function mayStillStart(ports: Ports, run: Run, tag: string): Promise<boolean> {
  const attempt = run.attempt;
  if (attempt === null) return false;
  const { claim } = await readAttempt(ports, run, attempt.number);
  const { liveness, handle = {} } = await ports.compute.of(run.provider).observe(tag, null);
  if (claim === null && liveness !== 'alive')
    return ports.clock.now() - Date.parse(attempt.reservedAt) < ports.settings.claimSeconds * 1_000;
  await changeRun(ports, run.id, (draft) => noteLaunched(draft, attempt.number, handle, `attempt ${attempt.number} was found at work`));
  return true;
}

/** Stop or pause came before the launch was recorded: take the claim ourselves, or, where a trainer has it, let it obey. */
async function abandonReservation(ports: Ports, view: RunView, number: number): Promise<Advance> {
  const { run } = view;
  const won = await voidAttempt(ports, run, number);
  if (!won && !isVoid((await readAttempt(ports, run, number)).claim)) return pollAttempt(ports, view);
  const tag = attemptName(run.id, number);
  const compute = ports.compute.of(run.provider);
  if (!(await isGone(compute, tag, null))) return { phase: 'launch', waitSeconds: ENDING_SECONDS };
  await changeRun(ports, run.id, (draft) => {
    if (draft.run.attempt?.number !== number || draft.run.attempt.endedAt !== null) return;
    draft.run.attempt.endedAt = draft.timestamp;
    draft.run.pastAttempts.push(toPastAttempt(draft.run.attempt, draft.timestamp, 'abandoned', NOTHING_LEFT));
    draft.note('attempt-ended', { message: `attempt ${number} was given up before it began` });
    if (draft.run.state === 'stopping')
      draft.move('stopped', { message: 'stopped before it began', code: draft.run.stopDetail?.code ?? 'stop_requested' });
  });
  await compute.release(tag);
  return { phase: 'launch', waitSeconds: 0 };
}

async function writeInputs(ports: Ports, run: Run, number: number): Promise<void> {
  const spec: AttemptSpec = {
    schema: 1,
    runId: run.id,
    attempt: number,
    name: run.name,
    training: run.training,
    purpose: run.purpose,
    hypernetwork: run.hypernetwork,
    resumeFrom: run.attempt?.resumeFrom ?? null,
    logsAfter: run.lastLogAt,
    stallSeconds: ports.settings.stallSeconds,
    // A rented machine has a GPU: it is what is paid for, and training on its CPU instead would go unnoticed.
    gpusWanted: run.compute.gpusPerNode ?? (ports.compute.of(run.provider).rental ? 1 : null),
    program: programOf(run),
  };
  const forPeople = JSON.stringify(
    { runId: run.id, name: run.name, request: run.request, training: run.training, choices: run.choices, compute: run.compute },
    null,
    2,
  );
  if (number > 1) await writeControl(ports, run, number - 1, { want: 'superseded' });
  await Promise.all([
    ports.artifacts.put(inFolder(run, runFolderKeys.config(run.id)), forPeople),
    ports.artifacts.put(inFolder(run, runFolderKeys.newestConfig()), forPeople),
    writeControl(ports, run, number),
  ]);
  await ports.artifacts.put(inFolder(run, runFolderKeys.spec(run.id, number)), JSON.stringify(spec));
}
