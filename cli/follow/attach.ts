/** What `train`, `attach` and `resume` do once there is a run: one progress line, the log above it, and an end that says how the run ended. */
import { exitCodeOf, Interrupted } from '../exit-code.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { getRun, type LogLine, type RunDetail, type RunEvent } from '../plane/runs.ts';
import type { Colors, Session } from '../session.ts';
import { describeFailure, describeNumber } from '../text/run-words.ts';
import { describeDuration } from '../text/words.ts';
import { followRun } from './follow-run.ts';
import { LogReader } from './log-reader.ts';
import { ProgressDisplay } from './progress-display.ts';

/** Events that a person wants to see among the lines of the log: what was asked of the run, and what went wrong on the way. */
const TOLD: ReadonlySet<string> = new Set(['warning-raised', 'pause-requested', 'stop-requested', 'resume-requested']);
const EXPECTED_ENDS: ReadonlySet<unknown> = new Set(['completed', 'stopped', 'paused']);

const isTold = ({ type, data }: RunEvent): boolean => TOLD.has(type) || (type === 'attempt-ended' && !EXPECTED_ENDS.has(data['outcome']));

/**
 * Follows a run to its end, and sets the exit code by it. Ctrl-C leaves the run alone.
 * @param tail how many lines of what is logged already are shown
 * @throws Interrupted saying how to come back
 */
export async function attachTo(session: Session, plane: PlaneClient, id: string, tail: number | null): Promise<RunDetail> {
  const { world, noteColors } = session;
  const display = new ProgressDisplay(world.errors, noteColors);
  const log = new LogReader(plane, id);
  plane.notice = (sentence) => display.print(noteColors.yellow(sentence));
  try {
    if (tail !== null) await log.skipToTail(tail);
    const eventsAfter = tail === null ? 0 : (await getRun(plane, id)).version;
    const run = await followRun(
      plane,
      id,
      { log: session.isJson ? null : log, eventsAfter },
      {
        onRun: (seen) => display.show(seen),
        onLine: (line) => display.above(() => world.output.write(`${describeLine(line, session.colors)}\n`)),
        onEvent: (event) => {
          if (isTold(event)) display.print(describeNews(event, noteColors));
        },
      },
    );
    display.end();
    session.exitCode = exitCodeOf(run.state);
    return run;
  } catch (error) {
    display.end();
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`left ${id}, which goes on\n${describeNext(session, id)}`);
  }
}

const describeNews = ({ type, message, code }: RunEvent, colors: Colors): string =>
  `${colors.yellow(type)}  ${message}${code === null ? '' : colors.dim(` (${code})`)}`;

/** @param withTime stamps it */
export function describeLine({ message, level, timestamp }: LogLine, colors: Colors, withTime = false): string {
  const text = level === 'ERROR' || level === 'CRITICAL' ? colors.red(message) : level === 'WARNING' ? colors.yellow(message) : message;
  return withTime ? `${colors.dim(timestamp)}  ${text}` : text;
}

/** What to type next, for a run that goes on without us. */
export const describeNext = (session: Session, id: string): string =>
  [`${session.sayCommand(`attach ${id}`)}    follow it again`, `${session.sayCommand(`stop ${id}`)}      stop it`].join('\n');

/** How a run ended, and what can be done with it. */
export function describeEnd(run: RunDetail, session: Session, colors: Colors): string {
  if (run.state === 'failed') return describeFailure(run, colors);
  const { train_loss, eval_loss } = run.result?.metrics ?? {};
  const losses = [
    train_loss == null ? null : `train loss ${describeNumber(train_loss)}`,
    eval_loss == null ? null : `eval loss ${describeNumber(eval_loss)}`,
  ].filter((fact) => fact !== null);
  const took = run.completed_at === null ? null : (Date.parse(run.completed_at) - Date.parse(run.created_at)) / 1_000;
  const head = run.state === 'completed' ? colors.green(`${run.id} completed`) : colors.yellow(`${run.id} stopped`);
  const next =
    run.result?.location != null
      ? [
          `  ${session.sayCommand(`artifacts download ${run.id}`)}`,
          ...(run.state === 'completed' ? [`  ${session.sayCommand(`ask ${run.id} "..."`)}`] : []),
        ]
      : [];
  return [
    `${head}${took === null ? '' : ` in ${describeDuration(took)}`}${losses.length > 0 ? `  ${losses.join('  ')}` : ''}`,
    ...(run.state === 'stopped' && run.stop_detail ? [`  ${run.stop_detail.message}`] : []),
    ...(run.result?.location != null ? [`  result   ${run.result.location}`] : []),
    ...next,
    ...(run.state === 'stopped' && run.checkpoints.length > 0 ? [`  ${session.sayCommand(`resume ${run.id} --from latest`)}`] : []),
  ].join('\n');
}
