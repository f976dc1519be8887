import { expect, test } from 'vitest';
import { StepFunctionsWorkflow } from '#aws/step-functions-workflow.ts';

test('starts and rings a run, and is never a reason to refuse what was stored', async () => {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const done: string[] = [];
  const workflow = new StepFunctionsWorkflow({
    begin: async (runId) => {
      if (runId === 'run_b') throw new Error('throttled');
      done.push(`begin ${runId}`);
    },
    ring: async () => {
      throw new Error('the queue is away');
    },
    log: (line) => lines.push(line),
  });

  await workflow.start('run_a');
  await workflow.start('run_b');
  await workflow.nudge('run_b');

  expect(done).toEqual(['begin run_a']);
  expect(lines).toEqual([
    { level: 'warn', event: 'execution-not-started', runId: 'run_b', message: 'throttled' },
    { level: 'warn', event: 'nudge-not-sent', runId: 'run_b', message: 'the queue is away' },
  ]);
});
