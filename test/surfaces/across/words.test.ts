/** The table of words: each state of a run in each of the five APIs, before and after it has been running. */
import { describe, expect, test } from 'vitest';
import type { Run } from '#domain/run.ts';
import { RUN_STATES, type RunState } from '#domain/run-lifecycle.ts';
import { standingOf, standingsOf, stateOf } from '#domain/run-standing.ts';
import { toStatus as inManagement } from '#surfaces/management/translate.ts';
import { toState as inOrchestrator, toFilter } from '#surfaces/orchestrator/translate.ts';
import { toStatus as inSft } from '#surfaces/sft/translate.ts';
import { toStatus as inTrainingSvc } from '#surfaces/training-svc/translate.ts';
import { toStatus as inUnifiedTrainer, toJobStatus } from '#surfaces/unified-trainer/translate.ts';
import { aRun, EPOCH_TIME } from '../../support/builders.ts';

const wordsFor = (run: Run): string[] => [inTrainingSvc(run), inUnifiedTrainer(run), inOrchestrator(run), inManagement(run), inSft(run)];

const FIRST_TIME: Readonly<Record<RunState, readonly string[]>> = {
  created: ['queued', 'submitted', 'created', 'queued', 'pending'],
  queued: ['queued', 'submitted', 'initializing', 'queued', 'pending'],
  initializing: ['queued', 'submitted', 'initializing', 'queued', 'pending'],
  running: ['running', 'running', 'running', 'running', 'running'],
  paused: ['running', 'running', 'paused', 'paused', 'running'],
  stopping: ['running', 'running', 'stopped', 'cancelled', 'stopped'],
  completed: ['completed', 'succeeded', 'completed', 'completed', 'completed'],
  failed: ['failed', 'failed', 'failed', 'failed', 'failed'],
  stopped: ['stopped', 'failed', 'stopped', 'cancelled', 'stopped'],
};

test.each(RUN_STATES)('a %s run has its word in every API', (state) => {
  expect(wordsFor(aRun({ state }))).toEqual(FIRST_TIME[state]);
});

test.each(['queued', 'initializing'] as const)('a run that is %s again reads running, but submitted in the unified trainer', (state) => {
  expect(wordsFor(aRun({ state, startedAt: EPOCH_TIME }))).toEqual(['running', 'submitted', 'running', 'running', 'running']);
});

test.each(RUN_STATES.filter((state) => !['created', 'queued', 'initializing'].includes(state)))(
  'having been running changes no word of a %s run',
  (state) => {
    expect(wordsFor(aRun({ state, startedAt: EPOCH_TIME }))).toEqual(FIRST_TIME[state]);
  },
);

describe('a filter of the orchestrator', () => {
  test.each(['created', 'initializing', 'running', 'paused', 'completed', 'failed', 'stopped'] as const)(
    '%s meets exactly the runs that read so',
    (wanted) => {
      const { standing = [] } = toFilter({ state: wanted });
      const all = RUN_STATES.flatMap((state) => [aRun({ state }), aRun({ state, startedAt: EPOCH_TIME })]);

      expect(all.filter((run) => standing.includes(standingOf(run)))).toEqual(all.filter((run) => inOrchestrator(run) === wanted));
    },
  );
});

test('a standing is a state and nothing is lost on the way', () => {
  expect(RUN_STATES.flatMap((state) => standingsOf([state]).map(stateOf)).every((state, index, all) => all.indexOf(state) <= index)).toBe(
    true,
  );
  for (const state of RUN_STATES) expect(stateOf(standingOf({ state, startedAt: EPOCH_TIME }))).toBe(state);
});

test("the unified trainer's detail begins with the document's words, and a stopped job says that it was stopped", () => {
  const stopDetail = { code: 'stop_requested', message: 'stopped on request' } as const;

  expect(toJobStatus({ run: aRun({ state: 'queued' }), progress: null }).detail).toBe('PyTorchJob submitted');
  expect(toJobStatus({ run: aRun({ state: 'running' }), progress: null }).detail).toBe('PyTorchJob pods active');
  expect(toJobStatus({ run: aRun({ state: 'completed' }), progress: null }).detail).toBe('PyTorchJob completed');
  expect(toJobStatus({ run: aRun({ state: 'stopped', stopDetail }), progress: null }).detail).toBe(
    'PyTorchJob failed; stopped: stopped on request',
  );
});
