import type { RunProgress, RunView } from '#domain/run.ts';
import type { Progress } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { indexLogs } from './take-up-logs.ts';

/** The report into the record: one conditional update, no event. @returns the newest report that is known */
export async function takeUpProgress(ports: Ports, view: RunView, report: Progress): Promise<RunProgress> {
  const before = view.progress;
  if (before !== null && before.attempt === report.attempt && before.sequence >= report.sequence) return before;
  const {
    attempt,
    sequence,
    workSequence,
    controlVersion,
    phase,
    phaseDetail,
    phaseFraction,
    step,
    steps,
    epoch,
    metrics,
    etaSeconds,
    counts,
    lastLogAt,
  } = report;
  const seenAt = new Date(ports.clock.now()).toISOString();
  // A later attempt begins without figures: the last known ones stay until it has its own.
  const known = before !== null && Object.keys(metrics).length === 0 ? before.metrics : metrics;
  const progress: RunProgress = {
    attempt,
    sequence,
    workSequence,
    controlVersion,
    phase,
    phaseDetail,
    phaseFraction,
    step,
    steps: steps ?? before?.steps ?? null,
    epoch,
    metrics: known,
    etaSeconds,
    counts,
    lastLogAt,
    seenAt,
    highestStep: Math.max(step, before?.highestStep ?? 0),
  };
  await indexLogs(ports, view.run, attempt, knownLines(view, attempt), counts.logLines);
  await ports.runs.recordProgress(view.run.id, progress);
  return progress;
}

/** Lines of an attempt that the record counts. */
export const knownLines = ({ progress }: RunView, attempt: number): number =>
  progress?.attempt === attempt ? progress.counts.logLines : 0;
