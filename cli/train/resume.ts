/** `resume`: a paused run goes on, or a new one starts from a checkpoint. */
import { isFinal } from '#domain/run-lifecycle.ts';
import { chooseCheckpoint } from '../artifacts/choose-checkpoint.ts';
import { CommandFailure, usageFailure } from '../exit-code.ts';
import { attachTo, describeEnd, describeNext } from '../follow/attach.ts';
import { findRunId } from '../plane/find-run.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { startFromCheckpoint } from '../plane/projects.ts';
import { getRun, listCheckpoints, orderRun, type RunDetail } from '../plane/runs.ts';
import type { Config } from '../plane/sft.ts';
import type { Session } from '../session.ts';
import { paintState } from '../text/run-words.ts';
import { toProjectRun } from './project-run.ts';

export interface ResumeOrder {
  /** null: the run itself goes on */
  readonly from: string | null;
  readonly name: string | null;
  readonly isDetached: boolean;
  /** laid over the source run's configuration */
  readonly config: Config;
}

export async function resume(session: Session, reference: string, { from, name, isDetached, config }: ResumeOrder): Promise<void> {
  const plane = await session.plane();
  const runId = await findRunId(plane, reference);
  const source = await getRun(plane, runId);
  if (from === null && (Object.keys(config).length > 0 || name !== null))
    throw usageFailure(
      'a paused run goes on as it is: options that change it need --from, and start a new run',
      `"tuneplane resume ${reference} --from latest ..."`,
    );
  if (from === null && isFinal(source.state))
    throw new CommandFailure('transition_refused', `${runId} is ${source.state}, and only a paused run goes on`, {
      remedy:
        source.checkpoints.length > 0 ? `"tuneplane resume ${reference} --from latest" starts a new run from its newest checkpoint` : null,
    });
  const id =
    from === null ? (await orderRun(plane, runId, 'resume')).id : await startFrom(session, plane, source, from, toProjectRun(config, name));
  const run = isDetached ? await getRun(plane, id) : await attachTo(session, plane, id, from === null ? 0 : null);
  session.print('resume', run, (colors) =>
    isDetached
      ? `${colors.bold(id)}  ${paintState(run.state, colors)}\n${describeNext(session, id).replaceAll(/^/gm, '  ')}`
      : describeEnd(run, session, colors),
  );
}

async function startFrom(
  session: Session,
  plane: PlaneClient,
  { id: runId, project_id: projectId }: RunDetail,
  from: string,
  body: Readonly<Record<string, unknown>>,
): Promise<string> {
  const checkpoint = chooseCheckpoint(runId, await listCheckpoints(plane, runId), from);
  const id = await startFromCheckpoint(plane, { projectId, runId, artifactId: checkpoint.id }, body);
  session.note(session.noteColors.dim(`${id} goes on from step ${checkpoint.step} of ${runId} (${checkpoint.name})`));
  return id;
}
