/** How lists of runs are filtered, sorted and compared, and what a run did with its time. */
import { describe, expect, test } from 'vitest';
import { bestPlaces, compareMetrics, compareParameters } from '../../web/compare/differences.ts';
import type { RunDetail, RunEvent, RunSummary } from '../../web/plane/wire.ts';
import { resumeMarks, toStretches } from '../../web/run/lifecycle.ts';
import { machineSeconds } from '../../web/runs/run-facts.ts';
import { meets, orderText, planeQuery, readFilter, readOrder, sortRuns, toPattern } from '../../web/runs/run-filter.ts';

const RUN: RunSummary = {
  id: 'run_1',
  name: null,
  api: 'sft',
  project_id: 'proj_default',
  provider: 'local',
  state: 'completed',
  base_model: 'tiny-llama',
  dataset: './rows.jsonl',
  method: 'sft',
  peft_method: 'lora',
  created_at: '2026-11-25T10:00:00.000Z',
  submitted_at: null,
  started_at: null,
  completed_at: null,
  progress: null,
  waiting: null,
  failure: null,
  stop_detail: null,
  compute_seconds: 0,
  attempt_since: null,
  gpu_seconds: { spent: 0, useful: 0 },
  cost_usd: null,
};
const withLoss = (id: string, loss: number | null): RunSummary => ({
  ...RUN,
  id,
  progress: {
    attempt: 1,
    phase: 'training',
    phase_detail: null,
    phase_fraction: null,
    step: 1,
    steps: 10,
    fraction: 0.1,
    epoch: null,
    metrics: { loss },
    eta_seconds: null,
    seen_at: '2026-11-25T10:00:00.000Z',
  },
});

describe('a filter', () => {
  test('is read from the URL; a state that is none is left out', () => {
    const filter = readFilter({ q: 'x', state: 'running,flying', api: 'sft' });

    expect(filter).toEqual({ text: 'x', states: ['running'], provider: '', project: '', api: 'sft' });
    expect(planeQuery(filter)).toBe('state=running&api=sft');
  });

  test('looks at name, id, base and dataset, in any case', () => {
    const filter = readFilter({});
    const isMet = (text: string) => {
      const pattern = toPattern(text);
      return meets({ ...RUN, name: 'Lamps' }, filter, pattern instanceof RegExp ? pattern : null);
    };

    expect([isMet('lamps'), isMet('^lamps run_1'), isMet('TINY'), isMet('rows\\.jsonl$'), isMet('none')]).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  test('that is no regular expression says why', () => {
    expect(toPattern('(')).toContain('Unterminated group');
  });
});

test('runs without a value are last, whichever way the others are sorted', () => {
  const runs = [withLoss('a', 2), withLoss('b', null), withLoss('c', 1), RUN];
  const ids = (order: string) => sortRuns(runs, readOrder(order), 0).map(({ id }) => id);

  expect(ids('loss')).toEqual(['c', 'a', 'b', 'run_1']);
  expect(ids('-loss')).toEqual(['a', 'c', 'b', 'run_1']);
  expect(orderText(readOrder('-loss'))).toBe('-loss');
  expect(readOrder('nonsense')).toEqual({ by: 'created', isDescending: true });
});

test('machine time counts the attempt under way', () => {
  const now = Date.parse('2026-11-25T10:01:00Z');

  expect(machineSeconds({ ...RUN, compute_seconds: 30, attempt_since: '2026-11-25T10:00:50.000Z' }, now)).toBe(40);
  expect(machineSeconds({ ...RUN, compute_seconds: 30 }, now)).toBe(30);
});

describe('a comparison', () => {
  const detail = (parameters: Record<string, unknown>, metrics: Record<string, number>): RunDetail => ({
    ...RUN,
    version: 1,
    updated_at: '',
    want: 'run',
    request: {},
    parameters,
    choices: [],
    compute: { nodes: 1, gpus_per_node: null, gpu_type: null, gpu_memory_gb: null, region: null, spot: false, max_usd_per_hour: null },
    max_runtime_seconds: 1,
    attempts: [],
    checkpoints: [],
    samples: null,
    result: { metrics, base: null, location: null, sha256: null },
  });
  const runs = [detail({ lr: 1, list: ['a'] }, { eval_loss: 0.2 }), detail({ lr: 2, list: ['a'] }, { eval_loss: 0.1, tokens: 5 })];

  test('shows what differs first', () => {
    const rows = compareParameters(runs);

    expect(rows[0]).toEqual({ name: 'lr', values: [1, 2], differs: true });
    expect(rows.slice(1).every(({ differs }) => !differs)).toBe(true);
  });

  test('marks the least loss and the greatest accuracy, and nothing where all are alike or it cannot know', () => {
    expect(compareMetrics(runs).find(({ name }) => name === 'tokens')).toEqual({ name: 'tokens', values: [undefined, 5], differs: true });
    expect(bestPlaces('eval_loss', [0.2, 0.1, null, 0.1])).toEqual([1, 3]);
    expect(bestPlaces('token_accuracy', [0.2, 0.9])).toEqual([1]);
    expect(bestPlaces('tokens', [1, 2])).toEqual([]);
    expect(bestPlaces('loss', [1, 1])).toEqual([]);
    expect(bestPlaces('loss', [1, null])).toEqual([]);
  });
});

describe("a run's time", () => {
  const at = (second: number) => new Date(Date.parse('2026-11-25T10:00:00Z') + second * 1_000).toISOString();
  const moved = (second: number, state: RunEvent['state'], attempt: number | null, message = ''): RunEvent => ({
    sequence: second,
    timestamp: at(second),
    type: 'state-changed',
    state,
    attempt,
    code: null,
    message,
    data: {},
  });
  const lengths = (events: readonly RunEvent[], marks: Parameters<typeof toStretches>[1] = []) =>
    toStretches(events, marks).map(({ label, from, to }) => [label, to === null ? null : (Date.parse(to) - Date.parse(from)) / 1_000]);

  test('is a stretch for each state; the last of a live run is open', () => {
    const events = [moved(0, 'queued', null), moved(4, 'initializing', 1), moved(6, 'running', 1)];

    expect(lengths(events)).toEqual([
      ['queued', 4],
      ['starting', 2],
      ['training', null],
    ]);
  });

  test('is told by phases where it starts and where it ends, and not where it saves in between', () => {
    const events = [moved(0, 'initializing', 1), moved(10, 'running', 1), moved(30, 'completed', 1)];
    const mark = (second: number, phase: string) => ({ attempt: 1, phase, at: at(second) });
    const marks = [
      mark(1, 'importing'),
      mark(1, 'importing'), // read twice
      mark(5, 'loading-model'),
      mark(9, 'training'),
      mark(15, 'saving'),
      mark(16, 'training'),
      mark(25, 'saving'),
      mark(28, 'publishing'),
    ];

    expect(lengths(events, marks)).toEqual([
      ['starting', 1],
      ['importing', 4],
      ['loading the model', 5],
      ['training', 15],
      ['saving', 3],
      ['uploading', 2],
    ]);
  });

  test('of a pause ends where the next attempt gets its place, although the run still reads as paused', () => {
    const events = [
      moved(0, 'running', 1),
      moved(5, 'paused', 1),
      { ...moved(9, 'paused', 2), type: 'attempt-reserved' as const },
      moved(12, 'running', 2),
    ];

    expect(lengths(events, [{ attempt: 2, phase: 'importing', at: at(10) }])).toEqual([
      ['training', 5],
      ['paused', 4],
      ['starting', 1],
      ['importing', 2],
      ['training', null],
    ]);
  });

  test('says why it waits, in the newest words', () => {
    const events = [moved(0, 'queued', null, 'accepted'), { ...moved(1, 'queued', null, 'no slot'), type: 'waiting-changed' as const }];

    expect(toStretches(events, [])).toMatchObject([{ label: 'queued', reason: 'no slot', to: null }]);
  });

  test('a state that was passed through at once is no stretch', () => {
    expect(lengths([moved(0, 'created', null), moved(0, 'queued', null), moved(1, 'running', 1)])).toEqual([
      ['queued', 1],
      ['training', null],
    ]);
  });

  test('marks on the curve where later attempts went on', () => {
    const attempt = (number: number, outcome: string | null, resumed_from_step: number | null) => ({ number, outcome, resumed_from_step });

    expect(resumeMarks([attempt(1, 'lost', null), attempt(2, 'paused', 800), attempt(3, null, 900)])).toEqual([
      { step: 800, label: 'lost, attempt 2' },
      { step: 900, label: 'resumed (attempt 3)' },
    ]);
    expect(resumeMarks([attempt(1, 'lost', null), attempt(2, null, null)])).toEqual([{ step: 0, label: 'lost, attempt 2' }]);
  });
});
