import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { describeProgress, ProgressDisplay, type ShownRun } from '../../cli/follow/progress-display.ts';

const progress = (fields: Partial<NonNullable<ShownRun['progress']>>): NonNullable<ShownRun['progress']> => ({
  phase: 'training',
  phase_detail: null,
  phase_fraction: null,
  step: 0,
  steps: null,
  fraction: 0,
  metrics: {},
  eta_seconds: null,
  ...fields,
});
const run = (fields: Partial<ShownRun>): ShownRun => ({ state: 'running', waiting: null, progress: null, ...fields });

test.each([
  [run({ state: 'queued' }), 'starting the trainer'],
  [run({ waiting: { sentence: 'all 1 slots are taken by older runs' } }), 'waiting: all 1 slots are taken by older runs'],
  [
    run({ progress: progress({ phase: 'building-base', phase_detail: 'building tiny-llama (once)', phase_fraction: 0.45 }) }),
    'base model: building tiny-llama (once) 45%',
  ],
  [run({ progress: progress({ phase: 'evaluating', metrics: { eval_loss: 6.7 } }) }), 'evaluating the base'],
  [
    run({
      progress: progress({
        step: 120,
        steps: 300,
        metrics: { loss: 0.0213, eval_loss: 0.077, tokens_per_second: 4100.4 },
        eta_seconds: 66,
      }),
    }),
    'step 120/300  loss 0.0213  eval 0.0770  4,100 tokens/s  ETA 1 min 6 s',
  ],
  [run({ state: 'stopping', progress: progress({ step: 12, steps: 300 }) }), 'stopping at step 12'],
])('says what a person wants to know (%#)', (given, line) => {
  expect(describeProgress(given)).toBe(line);
});

test('without a terminal a line comes only when something changed, at most ten on the way', () => {
  const written: string[] = [];
  const display = new ProgressDisplay({ write: (text) => written.push(text) });

  for (let step = 0; step <= 300; step++) display.show(run({ progress: progress({ step, steps: 300, fraction: step / 300 }) }));
  display.end();

  expect(written.length).toBeLessThanOrEqual(12);
  expect(written.every((line) => line.endsWith('\n'))).toBe(true);
});

test('without a terminal nothing is drawn around what somebody else prints', () => {
  let text = '';
  const display = new ProgressDisplay({ write: (part) => (text += part) });

  display.show(run({ state: 'queued' }));
  display.above(() => (text += 'a line of the log\n'));

  expect(text).toBe('starting the trainer\na line of the log\n');
});

test('on a terminal one line is drawn again, and what is printed stays above it', () => {
  let screen = '';
  const display = new ProgressDisplay({ isTTY: true, write: (text) => (screen += text) });

  display.show(run({ progress: progress({ step: 1, steps: 10, fraction: 0.1 }) }));
  display.print('a sample');
  display.show(run({ progress: progress({ step: 2, steps: 10, fraction: 0.2 }) }));

  expect(screen.split('\n')).toHaveLength(2);
  expect(screen).toContain('\r\u001b[2Ka sample\n');
});

test('on a narrow terminal the line is cut: one that wraps could not be drawn over', () => {
  let screen = '';
  const display = new ProgressDisplay({ isTTY: true, columns: 40, write: (text) => (screen += text) });

  display.show(
    run({
      progress: progress({ step: 120, steps: 300, fraction: 0.4, metrics: { loss: 0.0213, tokens_per_second: 4100 }, eta_seconds: 66 }),
    }),
  );

  expect(stripVTControlCharacters(screen).trim()).toHaveLength(40);
});
