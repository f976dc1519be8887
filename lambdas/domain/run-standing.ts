/**
 * A run's state, and whether it has been running before: a run that tries again reads `running` where an API has no way back. Stores
 * index runs by their standing, so that lists in any API's words are exact.
 */
import type { Run } from './run.ts';
import { RUN_STATES, type RunState } from './run-lifecycle.ts';

export const STANDINGS = [...RUN_STATES, 'queued-again', 'initializing-again'] as const;
export type Standing = (typeof STANDINGS)[number];

const AGAIN: Readonly<Partial<Record<RunState, Standing>>> = { queued: 'queued-again', initializing: 'initializing-again' };

export const standingOf = ({ state, startedAt }: Pick<Run, 'state' | 'startedAt'>): Standing =>
  startedAt === null ? state : (AGAIN[state] ?? state);

export const stateOf = (standing: Standing): RunState =>
  standing === 'queued-again' ? 'queued' : standing === 'initializing-again' ? 'initializing' : standing;

/** Every standing of these states. */
export const standingsOf = (states: readonly RunState[]): Standing[] => STANDINGS.filter((standing) => states.includes(stateOf(standing)));
