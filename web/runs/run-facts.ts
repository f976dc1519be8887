/** What is said of a run in several places, made from its summary. Pure. */
import type { RunState, RunSummary } from '../plane/wire.ts';

const FINAL: ReadonlySet<RunState> = new Set(['completed', 'failed', 'stopped']);
export const isFinal = ({ state }: Pick<RunSummary, 'state'>): boolean => FINAL.has(state);

/** With a machine, or about to let go of one: what moves by itself. */
const LIVE: ReadonlySet<RunState> = new Set(['initializing', 'running', 'stopping']);
export const isLive = ({ state }: Pick<RunSummary, 'state'>): boolean => LIVE.has(state);

/** The end of an id tells runs of one day apart. */
export const shortId = (id: string): string => `…${id.slice(-6)}`;

export const nameOf = ({ id, name }: Pick<RunSummary, 'id' | 'name'>): string => name ?? id;

/** As short as it can be where several stand together. */
export const labelOf = ({ id, name }: Pick<RunSummary, 'id' | 'name'>): string => name ?? shortId(id);

/** Seconds that machines worked for it, the attempt under way included. @param now milliseconds since 1970 */
export const machineSeconds = ({ compute_seconds, attempt_since }: RunSummary, now: number): number =>
  compute_seconds + (attempt_since === null ? 0 : Math.max(0, (now - Date.parse(attempt_since)) / 1_000));

/** Why it is as it is, in a sentence. */
export const reasonOf = ({ failure, waiting, stop_detail, progress }: RunSummary): string | undefined =>
  failure?.message ?? waiting?.sentence ?? stop_detail?.message ?? progress?.phase_detail ?? undefined;

/** The newest value of a metric. */
export const metricOf = ({ progress }: RunSummary, name: string): number | null => progress?.metrics[name] ?? null;
