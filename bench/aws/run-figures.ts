/**
 * One run from its creation to its end on a clock of its own, with the real worker, nudges and state machine: how often the plane is woken,
 * what it moves through, and what the trainer reports. The trainer reports as control.json tells it, at a checkpoint and at the end; each
 * report and each manifest is a notification, which is a nudge.
 */
import type { SQSEvent } from 'aws-lambda';
import { PACE } from '#aws/plane.ts';
import { defineStateMachine } from '#aws/state-machine.ts';
import { toNudge } from '#domain/nudge.ts';
import { toPublicEvents } from '#domain/public-events.ts';
import { type Control, controlSchema, runFolderKeys } from '#domain/run-folder.ts';
import { createHandler as createAdvance } from '#workers/advance-run.ts';
import { createHandler as createNudges } from '#workers/nudges.ts';
import { MemoryPlane } from '../../test/support/memory-plane.ts';
import { executeStateMachine } from '../../test/support/state-machine-run.ts';

export interface RunFigures {
  readonly seconds: number;
  /** executions of the state machine, one after the other */
  readonly executions: number;
  /** what Step Functions bills, the start of each execution included */
  readonly transitions: number;
  /** of the execution that has most */
  readonly historyEvents: number;
  /** looks of the workflow's own clock */
  readonly rounds: number;
  /** reports of the trainer: each is a nudge */
  readonly reports: number;
  /** those that bring metric rows and overview: all but four of five at 30 s or slower */
  readonly curveReports: number;
  readonly checkpoints: number;
  /** looks of the trainer at control.json */
  readonly controlReads: number;
  /** events of the run */
  readonly events: number;
  /** what of them the bus is told */
  readonly publicEvents: number;
  /** control.json, as the plane wrote it */
  readonly controlsWritten: number;
}

const CHECKPOINT_SECONDS = 600;
/** From the machine's request to its claim: boot and image. */
const START_SECONDS = 120;

/** As `trainer-image/trainer/supervision/reporter.py` has them where requests are paid for. */
const SLOW_SECONDS = 30;
const SLOW_CURVES = 5;
const controlSeconds = (reportSeconds: number): number => Math.min(Math.max(reportSeconds / 6, 2), 10);

/** @param trainingSeconds from the first step to the last */
export async function simulateRun(trainingSeconds: number): Promise<RunFigures> {
  const plane = new MemoryPlane();
  Object.assign(plane.ports.settings, { pace: PACE, reportSeconds: 5, silenceSeconds: 180, startSeconds: 1_800 });
  plane.compute.heartbeat = 'reports';
  const runId = await plane.create({ maxRuntimeSeconds: 30 * 86_400 });
  const born = plane.now;
  const trainer = plane.trainer(runId);
  const nudge = createNudges(plane.ports, { readers: [], log: () => {} });
  const ring = async (): Promise<void> => {
    const { batchItemFailures } = await nudge({ Records: [{ messageId: 'm', body: toNudge(runId) }] } as unknown as SQSEvent);
    if (batchItemFailures.length > 0) throw new Error('a nudge failed');
  };
  let [reports, curveReports, checkpoints, controlReads, controlsWritten] = [0, 0, 0, 0, 0];
  const put = plane.artifacts.put.bind(plane.artifacts);
  plane.artifacts.put = (key, content) => {
    if (key.endsWith('/control.json')) controlsWritten += 1;
    return put(key, content);
  };

  const folder = `runs/${runId}/framework=hf`;
  const readControl = async (): Promise<Control> =>
    controlSchema.parse(JSON.parse((await plane.artifacts.get(`${folder}/${runFolderKeys.control(runId, 1)}`)) ?? ''));
  const claimAt = born + START_SECONDS * 1_000;
  const endAt = claimAt + trainingSeconds * 1_000;
  let nextReport = claimAt;
  let nextCheckpoint = claimAt + CHECKPOINT_SECONDS * 1_000;
  let isClaimed = false;
  let isOver = false;

  /** What the trainer does up to a moment, each thing at its own. */
  async function work(until: number): Promise<void> {
    while (!isOver) {
      const at = Math.min(nextReport, nextCheckpoint, endAt);
      if (at > until) break;
      plane.now = at;
      if (!isClaimed) {
        isClaimed = true;
        await trainer.claim();
      }
      const step = Math.round((at - claimAt) / 1_000);
      if (at === endAt) {
        isOver = true;
        await trainer.finish('completed');
      } else {
        if (at === nextCheckpoint) {
          checkpoints += 1;
          nextCheckpoint += CHECKPOINT_SECONDS * 1_000;
          await trainer.checkpoint(step);
        }
        const counts = { logLines: step, metricRows: step, checkpoints, samples: 0 };
        const { version: controlVersion, reportSeconds } = await readControl();
        if (reportSeconds < SLOW_SECONDS || reports % SLOW_CURVES === 0 || at + CHECKPOINT_SECONDS * 1_000 === nextCheckpoint)
          curveReports += 1;
        await trainer.report('training', { step, steps: trainingSeconds, counts, controlVersion });
        reports += 1;
      }
      await ring();
      const { reportSeconds } = await readControl();
      nextReport = at + reportSeconds * 1_000;
      controlReads += (Math.min(nextReport, nextCheckpoint, endAt) - at) / 1_000 / controlSeconds(reportSeconds);
    }
    plane.now = Math.max(plane.now, until);
  }

  const executionsOf: Awaited<ReturnType<typeof executeStateMachine>>[] = [];
  let rounds = 0;
  for (let generation = 1, goesOn = true; goesOn; generation++) {
    goesOn = false;
    const handOver = async (): Promise<void> => {
      goesOn = true;
    };
    const advance = createAdvance(plane.ports, { handOver });
    const execution = await executeStateMachine(
      defineStateMachine('advance-run'),
      { runId, generation },
      {
        task: (input) => {
          rounds += 1;
          return advance(input);
        },
        pass: (seconds) => work(plane.now + seconds * 1_000),
        maxStates: 100_000,
      },
    );
    if (execution.status !== 'SUCCEEDED') throw new Error(`the execution ended as ${execution.status}`);
    executionsOf.push(execution);
  }
  const run = await plane.run(runId);
  if (run.state !== 'completed') throw new Error(`the run ended as ${run.state}`);
  const events = await plane.runs.events(runId, 0, Number.MAX_SAFE_INTEGER);
  return {
    seconds: trainingSeconds,
    executions: executionsOf.length,
    // "AWS Step Functions counts a state transition each time a step of your workflow is executed": the start is one more.
    transitions: executionsOf.reduce((sum, { states }) => sum + states.length + 1, 0),
    historyEvents: Math.max(...executionsOf.map(({ history }) => history.length)),
    rounds,
    reports,
    curveReports,
    checkpoints,
    controlReads: Math.round(controlReads),
    events: run.version,
    publicEvents: events.flatMap((event) => toPublicEvents(event, run, 'https://plane.example.com')).length,
    controlsWritten,
  };
}
