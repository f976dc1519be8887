/**
 * Following a run: what somebody has been told, and what is new since. The same reading serves a socket that lives in this process and one
 * that a gateway holds: the place is all that has to be remembered, and reading again from an old place gives the same news once more.
 */
import type { RunEvent, RunProgress, RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';

const BATCH = 500;

/** How far a follower has been told. */
export interface Place {
  /** of the last event */
  readonly sequence: number;
  /** of the last report: the attempt, and its count of work done; null where it was told none */
  readonly report: { readonly attempt: number; readonly workSequence: number } | null;
}

export interface News {
  readonly view: RunView;
  /** ascending, without a gap after the place */
  readonly events: readonly RunEvent[];
  /** the newest report, where the engine has moved since; reports between are not repeated */
  readonly progress: RunProgress | null;
  readonly place: Place;
}

/** @returns what is new; null where the run was deleted */
export async function readNews(ports: Pick<Ports, 'runs'>, runId: string, place: Place): Promise<News | null> {
  const view = await ports.runs.get(runId);
  if (!view) return null;
  // A report may be newer than the record that was read with it, never the other way round for what is told here: events come first.
  const events = view.run.version > place.sequence ? await ports.runs.events(runId, place.sequence, BATCH) : [];
  const progress = hasMoved(view.progress, place) ? view.progress : null;
  const report = progress ? { attempt: progress.attempt, workSequence: progress.workSequence } : place.report;
  return { view, events, progress, place: { sequence: events.at(-1)?.sequence ?? place.sequence, report } };
}

function hasMoved(progress: RunProgress | null, { report }: Place): boolean {
  if (progress === null || Object.keys(progress.metrics).length === 0) return false;
  return report === null || progress.attempt !== report.attempt || progress.workSequence > report.workSequence;
}
