/** Notifications of a run that come doubled, shuffled, late or never, the clock behind them, and a trainer that does its work. */
import type { SQSEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import { readStorageNotification } from '#aws/nudge-readers.ts';
import { defineStateMachine } from '#aws/state-machine.ts';
import { attemptName } from '#domain/run-folder.ts';
import { createHandler as createAdvance } from '#workers/advance-run.ts';
import { createHandler as createNudges } from '#workers/nudges.ts';
import { deliveredSomehow } from '../../support/hostile-aws/deliveries.ts';
import { randomFrom } from '../../support/hostile-aws/hostile-aws.ts';
import { MemoryPlane } from '../../support/memory-plane.ts';
import { executeStateMachine } from '../../support/state-machine-run.ts';

/** What S3 says of a put, as one message of a queue. */
const notificationOf = (runId: string, file: string) => ({
  Records: [{ s3: { object: { key: `runs/${runId}/framework%3Dhf/attempts/${attemptName(runId, 1)}/${file}` } } }],
});
const toEvent = (bodies: readonly unknown[]): SQSEvent => ({
  Records: bodies.map((body, index) => ({ messageId: String(index), body: JSON.stringify(body) }) as never),
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))(
  'a run completes once, whatever becomes of its notifications (seed %i)',
  async (seed) => {
    const random = randomFrom(seed);
    const plane = new MemoryPlane();
    const runId = await plane.create();
    const trainer = plane.trainer(runId);
    const nudge = createNudges(plane.ports, { readers: [readStorageNotification] });
    const advance = createAdvance(plane.ports, { handOver: async () => {} });
    const sent: unknown[] = [];
    const work = [
      () => trainer.claim(),
      () => trainer.report('training', { step: 5 }),
      () => trainer.report('training', { step: 12 }),
      () => trainer.finish('completed'),
    ];

    const { status } = await executeStateMachine(
      defineStateMachine('advance-run'),
      { runId, generation: 1 },
      {
        task: advance,
        pass: async (seconds) => {
          plane.now += seconds * 1_000;
          if (random() < 0.5) await work.shift()?.();
          sent.push(notificationOf(runId, random() < 0.5 ? 'progress.json' : 'manifest.json'));
          if (random() < 0.6) return; // late: with the next ones
          await Promise.all([nudge(toEvent(deliveredSomehow(sent.splice(0), random))), nudge(toEvent(deliveredSomehow(sent, random)))]);
        },
      },
    );

    expect(status).toBe('SUCCEEDED');
    const run = await plane.run(runId);
    expect(run).toMatchObject({ state: 'completed', pastAttempts: [{ number: 1, outcome: 'completed' }] });
    expect(plane.compute.launches).toHaveLength(1);
    const sequences = (await plane.runs.events(runId, 0, 1_000)).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: run.version }, (_, index) => index + 1));
  },
);
