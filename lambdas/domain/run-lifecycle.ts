/**
 * The lifecycle of a run: which event may follow which state, and what it becomes. Nothing else decides a state.
 *
 *   created -> queued -> initializing -> running -> completed
 *   running -> paused -> running                a pause ends the process; the next attempt goes on from its checkpoint
 *   initializing | running -> queued            the next attempt: interruption, lost host, one retry of a stall
 *   anything with compute -> stopping -> stopped
 *
 * `stopping` absorbs everything: finish, failure and loss all end in `stopped` (`stop_detail` keeps what happened).
 * Polls sample: a run may finish or pause between two of them, so `initializing` can become `completed` or `paused`.
 */
import { DomainError } from './errors.ts';

export const RUN_STATES = ['created', 'queued', 'initializing', 'running', 'paused', 'stopping', 'completed', 'failed', 'stopped'] as const;
export type RunState = (typeof RUN_STATES)[number];

export const RUN_STATE_EVENTS = [
  'submitted',
  'launched',
  'started',
  'paused',
  'interrupted',
  'finished',
  'broke',
  'stopRequested',
  'stoppedBeforeLaunch',
  'stopped',
] as const;
export type RunStateEvent = (typeof RUN_STATE_EVENTS)[number];

export const LIFECYCLE: Readonly<Record<RunState, Readonly<Partial<Record<RunStateEvent, RunState>>>>> = {
  created: { submitted: 'queued', stoppedBeforeLaunch: 'stopped', broke: 'failed' },
  queued: { launched: 'initializing', stopRequested: 'stopping', stoppedBeforeLaunch: 'stopped', broke: 'failed' },
  initializing: {
    started: 'running',
    finished: 'completed',
    paused: 'paused',
    interrupted: 'queued',
    stopRequested: 'stopping',
    broke: 'failed',
  },
  running: { finished: 'completed', paused: 'paused', interrupted: 'queued', stopRequested: 'stopping', broke: 'failed' },
  // Resuming: the next attempt is launched, and may be lost or paused again, while the run still reads `paused`.
  paused: {
    launched: 'paused',
    paused: 'paused',
    interrupted: 'paused',
    started: 'running',
    finished: 'completed',
    stopRequested: 'stopping',
    broke: 'failed',
  },
  stopping: {
    finished: 'stopping',
    broke: 'stopping',
    interrupted: 'stopping',
    paused: 'stopping',
    started: 'stopping',
    stopped: 'stopped',
  },
  completed: {},
  failed: {},
  stopped: {},
};

const FINAL: ReadonlySet<RunState> = new Set(['completed', 'failed', 'stopped']);
export const isFinal = (state: RunState): boolean => FINAL.has(state);

/**
 * The state after an event; `null` where a final state absorbs a late one.
 * @throws DomainError `transition_refused` for a move that the table does not know
 */
export function nextState(state: RunState, event: RunStateEvent): RunState | null {
  const next = LIFECYCLE[state][event];
  if (next) return next;
  if (isFinal(state)) return null;
  throw new DomainError('transition_refused', `a ${state} run cannot take '${event}'`, { state, event });
}
