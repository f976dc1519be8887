/**
 * How often a live run is looked at, and how often its trainer reports. On one machine both cost nothing and are the same all the time.
 * Where they cost money, reports grow rarer as training goes on, and the clock's own looks as long as nothing happens: each report and each
 * end rings by itself (a nudge), and the clock is only there for what rang and was not heard.
 */
import type { Run } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';

/** What an advance tells whoever paces it. */
export interface Advance {
  /** what the next look will do */
  readonly phase: 'prepare' | 'launch' | 'poll' | 'done';
  /** come back after so many seconds, or earlier on a nudge */
  readonly waitSeconds: number;
}

type PacePorts = Pick<Ports, 'clock' | 'settings'>;

/** Nothing is expected to happen by itself: a nudge will come, and this is the clock behind it. */
export const IDLE_SECONDS = 300;
/** A trainer that fell silent is given up at a known time: the clock does not sleep over it. */
const SILENT_LOOK_SECONDS = 60;

/** How often the trainer is to report now. @param isFollowed somebody waits for news of the run */
export function reportSeconds({ clock, settings }: PacePorts, run: Run, isFollowed: boolean): number {
  const { pace } = settings;
  if (pace === undefined || isFollowed || run.startedAt === null) return settings.reportSeconds;
  const elapsed = (clock.now() - newest(run.startedAt, run.attempt?.reservedAt)) / 1_000;
  return pace.reports.find(({ untilSeconds }) => elapsed < untilSeconds)?.everySeconds ?? settings.reportSeconds;
}

/**
 * When the clock looks at a live attempt again: after as long as it has been what it is, so that the time between two looks doubles. From
 * 5 s to 10 min that is 8 looks; a day is 8 + 143, three transitions each, 453 x $0.000025 = $0.011.
 */
export function lookSeconds({ clock, settings }: PacePorts, { startedAt, stopRequestedAt, attempt }: Run): number {
  const { pace, reportSeconds: shortest } = settings;
  if (pace === undefined || attempt === null) return shortest;
  const elapsed = Math.ceil((clock.now() - newest(attempt.reservedAt, attempt.startingSince, startedAt, stopRequestedAt)) / 1_000);
  const longest = attempt.silentSince === null ? pace.longestLookSeconds : SILENT_LOOK_SECONDS;
  return Math.min(Math.max(elapsed, shortest), longest);
}

const newest = (...times: readonly (string | null | undefined)[]): number =>
  Math.max(...times.flatMap((time) => (time ? [Date.parse(time)] : [])));
