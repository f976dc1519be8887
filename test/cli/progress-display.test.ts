import { expect, test } from 'vitest';
import { describeDuration, describeProgress, ProgressDisplay } from '../../cli/progress-display.ts';
import type { JobDetail } from '../../cli/sft-client.ts';

const NOTHING = {
  step: 0,
  steps: null,
  fraction: 0,
  epoch: null,
  loss: null,
  eval_loss: null,
  learning_rate: null,
  tokens_per_second: null,
  eta_seconds: null,
};
const progress = (fields: Partial<NonNullable<JobDetail['progress']>>): NonNullable<JobDetail['progress']> => ({
  phase: 'training',
  phase_detail: null,
  phase_fraction: null,
  ...NOTHING,
  ...fields,
});
const job = (fields: Partial<JobDetail>): JobDetail => ({
  job_id: 'run_1',
  status: 'running',
  created_at: '',
  started_at: null,
  completed_at: null,
  error: null,
  result: null,
  progress: null,
  waiting: null,
  failure: null,
  stop_detail: null,
  config: {},
  samples: null,
  choices: [],
  ...fields,
});

test.each([
  [job({ status: 'pending' }), 'starting the trainer'],
  [
    job({ waiting: { code: 'slot', sentence: 'all 1 slots are taken by older runs', remedy: '', since: '' } }),
    'waiting: all 1 slots are taken by older runs',
  ],
  [
    job({ progress: progress({ phase: 'building-base', phase_detail: 'building tiny-llama (once)', phase_fraction: 0.45 }) }),
    'base model: building tiny-llama (once) 45%',
  ],
  [job({ progress: progress({ phase: 'evaluating', eval_loss: 6.7 }) }), 'evaluating the base'],
  [
    job({ progress: progress({ step: 120, steps: 300, loss: 0.0213, eval_loss: 0.077, tokens_per_second: 4100.4, eta_seconds: 66 }) }),
    'step 120/300  loss 0.0213  eval 0.0770  4,100 tokens/s  ETA 1 min 6 s',
  ],
])('says what a person wants to know (%#)', (given, line) => {
  expect(describeProgress(given)).toBe(line);
});

test.each([
  [0.4, '0 s'],
  [59.6, '1 min 0 s'],
  [7_260, '2 h 1 min'],
])('%d seconds are %s', (seconds, words) => {
  expect(describeDuration(seconds)).toBe(words);
});

test('without a terminal a line comes only when something changed, at most ten on the way', () => {
  const written: string[] = [];
  const display = new ProgressDisplay({ write: (text) => written.push(text) });

  for (let step = 0; step <= 300; step++) display.show(job({ progress: progress({ step, steps: 300, fraction: step / 300 }) }));
  display.end();

  expect(written.length).toBeLessThanOrEqual(12);
  expect(written.every((line) => line.endsWith('\n'))).toBe(true);
});

test('on a terminal one line is drawn again, and what is printed stays above it', () => {
  let screen = '';
  const display = new ProgressDisplay({ isTTY: true, write: (text) => (screen += text) });

  display.show(job({ progress: progress({ step: 1, steps: 10, fraction: 0.1 }) }));
  display.print('a sample');
  display.show(job({ progress: progress({ step: 2, steps: 10, fraction: 0.2 }) }));

  expect(screen.split('\n')).toHaveLength(2);
  expect(screen).toContain('\r\u001b[2Ka sample\n');
});
