/**
 * What a run did with its time: a stretch for each state, and within a start and an end the phases of the trainer. Pure.
 * States come from the timeline; phases from the log, where the supervisor writes `phase <name>` as it enters one.
 */
import type { RunEvent, RunState } from '../plane/wire.ts';

export interface PhaseMark {
  readonly attempt: number;
  readonly phase: string;
  /** ISO 8601 */
  readonly at: string;
}

export type StretchKind = 'waiting' | 'starting' | 'training' | 'paused' | 'ending';

export interface Stretch {
  readonly kind: StretchKind;
  /** "queued", "importing", "training" */
  readonly label: string;
  readonly attempt: number | null;
  readonly from: string;
  /** null: it goes on */
  readonly to: string | null;
  /** why, in the plane's own words */
  readonly reason: string;
}

const KINDS: Readonly<Partial<Record<RunState, StretchKind>>> = {
  created: 'waiting',
  queued: 'waiting',
  initializing: 'starting',
  running: 'training',
  paused: 'paused',
  stopping: 'ending',
};
const LABELS: Readonly<Partial<Record<RunState, string>>> = {
  created: 'not submitted',
  initializing: 'starting',
  running: 'training',
};

const STARTS: Readonly<Record<string, string>> = {
  'building-base': 'building the base',
  importing: 'importing',
  'loading-model': 'loading the model',
  'preparing-data': 'preparing data',
  sampling: 'asking the base',
  evaluating: 'evaluating the base',
};
/** Only behind the last step: in between, saving and sampling belong to training. */
const ENDS: Readonly<Record<string, string>> = { saving: 'saving', publishing: 'uploading' };

/** @param events ascending. @param marks ascending within an attempt */
export function toStretches(events: readonly RunEvent[], marks: readonly PhaseMark[]): Stretch[] {
  return statesOf(events).flatMap((stretch) => {
    if (stretch.kind === 'starting') return splitAt(stretch, startMarks(stretch, marks), 'starting');
    if (stretch.kind === 'training' || stretch.kind === 'ending') return splitAt(stretch, endMarks(stretch, marks), 'ending');
    return [stretch];
  });
}

function statesOf(events: readonly RunEvent[]): Stretch[] {
  const stretches: Stretch[] = [];
  const change = (changes: Partial<Stretch>) => {
    const last = stretches.pop();
    if (last) stretches.push({ ...last, ...changes });
  };
  for (const { type, state, timestamp, attempt, message } of events) {
    if (type === 'state-changed' || type === 'run-created') {
      change({ to: timestamp });
      const kind = KINDS[state];
      if (kind) stretches.push({ kind, label: LABELS[state] ?? state, attempt, from: timestamp, to: null, reason: message });
    } else if (type === 'waiting-changed') change({ reason: message });
    else if (type === 'attempt-reserved' && stretches.at(-1)?.kind === 'paused') {
      // It still reads as paused until it trains, and is at work already.
      change({ to: timestamp });
      stretches.push({ kind: 'starting', label: 'starting', attempt, from: timestamp, to: null, reason: message });
    } else if (type === 'attempt-reserved') change({ attempt });
  }
  return stretches.filter(({ from, to }) => from !== to); // a state that was passed through at once is no stretch
}

const within = (at: string, { from, to }: Stretch): boolean => at >= from && (to === null || at < to);

function startMarks(stretch: Stretch, marks: readonly PhaseMark[]): { label: string; at: string }[] {
  return marks
    .filter(({ attempt, at }) => attempt === stretch.attempt && within(at, stretch))
    .flatMap(({ phase, at }) => (STARTS[phase] ? [{ label: STARTS[phase], at }] : []));
}

/** The phases behind the last return to training. */
function endMarks(stretch: Stretch, marks: readonly PhaseMark[]): { label: string; at: string }[] {
  if (stretch.to === null) return [];
  const own = marks.filter(({ attempt, at }) => attempt === stretch.attempt && within(at, stretch));
  const lastTraining = own.findLastIndex(({ phase }) => phase === 'training');
  return own.slice(lastTraining + 1).flatMap(({ phase, at }) => (ENDS[phase] ? [{ label: ENDS[phase], at }] : []));
}

function splitAt(stretch: Stretch, marks: readonly { readonly label: string; readonly at: string }[], kind: StretchKind): Stretch[] {
  const parts: Stretch[] = [stretch];
  for (const { label, at } of marks) {
    const last = parts.at(-1);
    if (!last || last.label === label) continue;
    parts[parts.length - 1] = { ...last, to: at };
    parts.push({ ...last, kind, label, from: at, to: stretch.to });
  }
  return parts.filter(({ from, to }) => from !== to);
}

/** Where later attempts went on: for the curve. */
export interface ResumeMark {
  readonly step: number;
  readonly label: string;
}

export function resumeMarks(
  attempts: readonly { readonly number: number; readonly outcome: string | null; readonly resumed_from_step: number | null }[],
): ResumeMark[] {
  return attempts.slice(1).map(({ number, resumed_from_step }, index) => {
    const before = attempts[index]?.outcome ?? 'ended';
    return { step: resumed_from_step ?? 0, label: before === 'paused' ? `resumed (attempt ${number})` : `${before}, attempt ${number}` };
  });
}
