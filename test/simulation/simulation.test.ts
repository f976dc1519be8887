import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import type { Run, RunEvent } from '#domain/run.ts';
import type { RunState } from '#domain/run-lifecycle.ts';
import { anEvent, aRun } from '../support/builders.ts';
import type { Findings, SeedRange } from './seeds.ts';
import { simulate } from './simulation.ts';
import { SimulatedStore } from './store.ts';

const SEEDS = 20_000;
const THREADS = 2;

describe('twenty thousand histories in which everything goes wrong', () => {
  test('end with every run over, every event handed over and no machine left', { timeout: 600_000 }, async () => {
    const share = SEEDS / THREADS;
    const findings = await Promise.all(
      Array.from({ length: THREADS }, (_, thread) => simulateInThread({ from: thread * share + 1, to: (thread + 1) * share })),
    );
    expect(findings.flatMap(({ violations }) => violations)).toEqual([]);
    // Were these histories dull, they would prove nothing.
    const outcomes = findings.flatMap((found) => Object.keys(found.outcomes));
    expect(new Set(outcomes)).toEqual(
      new Set([
        'completed',
        'stopped',
        'failed diverged',
        'failed engine_crashed',
        'failed stalled',
        'failed interrupted',
        'failed supervisor_lost',
      ]),
    );
  });

  test.each([1, 2, 3482])('seed %i replays step by step', async (seed) => {
    const [once, again] = [await simulate(seed, true), await simulate(seed, true)];
    expect(once.trace?.length).toBeGreaterThan(100);
    expect(again.trace).toEqual(once.trace);
  });
});

describe('a history in which the plane does this is refused:', () => {
  const stored = aRun({ state: 'running', version: 4 });
  const moved = (event: string, before: RunState, state: RunState, sequence = 5): RunEvent =>
    anEvent(stored, { type: 'state-changed', sequence, state, data: { event, before } });
  const change = (run: Partial<Run>, ...events: RunEvent[]): void => {
    const store = new SimulatedStore();
    store.runs.set(stored.id, { run: stored, progress: null });
    store.change({ ...stored, version: 4 + events.length, ...run }, 4, events);
  };

  test.each<readonly [string, () => void, RegExp]>([
    ['a move that the table does not know', () => change({ state: 'queued' }, moved('submitted', 'running', 'queued')), /does not know/],
    [
      'another state without an event',
      () => change({ state: 'paused' }, anEvent(stored, { type: 'warning-raised', sequence: 5, state: 'paused' })),
      /without a word/,
    ],
    ['an event too few', () => change({ version: 6 }, anEvent(stored, { sequence: 5, state: 'running' })), /with 1 events/],
    ['a gap in the events', () => change({ version: 6 }, anEvent(stored, { sequence: 6, state: 'running' })), /follows event 4/],
    ['events handed over out of order', () => new SimulatedStore().deliver([anEvent(stored, { sequence: 2 })]), /after event 0/],
  ])('%s', (_, act, problem) => {
    expect(act).toThrow(problem);
  });

  test('a run that was over goes on', () => {
    const store = new SimulatedStore();
    const over = aRun({ state: 'completed', version: 4 });
    store.runs.set(over.id, { run: over, progress: null });
    expect(() => store.change({ ...over, state: 'running', version: 5 }, 4, [anEvent(over, { sequence: 5 })])).toThrow(/final is final/);
  });
});

async function simulateInThread(range: SeedRange): Promise<Findings> {
  const worker = new Worker(new URL('./seeds.ts', import.meta.url), { workerData: range });
  const [findings] = await once(worker, 'message');
  return findings;
}
