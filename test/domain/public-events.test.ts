import { expect, test } from 'vitest';
import { PUBLIC_EVENTS, type PublicEvent, toPublicEvents } from '#domain/public-events.ts';
import type { Run, RunEvent } from '#domain/run.ts';
import { stopRun } from '#operations/stop-run.ts';
import { anEvent, aRun, EPOCH_TIME } from '../support/builders.ts';
import { checkEventDetail } from '../support/event-schemas.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const BASE = 'https://plane.example.com';

/** Events as they are sent, each checked against the schema that subscribers have. */
function publish(event: RunEvent, run: Run | null): PublicEvent[] {
  return toPublicEvents(event, run, BASE).map((made) => {
    const sent: PublicEvent = JSON.parse(JSON.stringify(made));
    checkEventDetail(made.detailType, sent.detail);
    expect(PUBLIC_EVENTS[made.detailType].parse(sent.detail), 'no field is undocumented').toEqual(sent.detail);
    return sent;
  });
}

const typesOf = (events: readonly PublicEvent[]): string[] => events.map(({ detailType }) => detailType);

test('tells a whole life: created, submitted, training, checkpoint, completed', async () => {
  const plane = new MemoryPlane();
  const runId = await plane.create();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  await trainer.checkpoint(10, { evalLoss: 0.5 });
  await trainer.report('training', { counts: { logLines: 0, metricRows: 0, checkpoints: 1, samples: 0 } });
  await plane.settle(runId);
  await trainer.finish('completed');
  await plane.settle(runId);
  const run = await plane.run(runId);

  const published = (await plane.runs.events(runId, 0, 100)).flatMap((event) => publish(event, run));

  expect(published.map(({ detailType, detail }) => `${detailType}: ${detail.data['state']}`)).toEqual([
    'Training Run State Change: created',
    'Training Run State Change: queued',
    'Training Run State Change: initializing',
    'Training Run State Change: running',
    'Checkpoint Created: running',
    'Training Run State Change: completed',
    'Training Run Finished: completed',
  ]);
  expect(published.at(-1)?.detail).toMatchObject({
    metadata: { id: `${runId}/${run.version}/training-run-finished`, sequence: run.version, actor: 'trainer', version: 1 },
    data: {
      runId,
      provider: 'local',
      projectId: 'proj_default',
      failure: null,
      result: { metrics: { eval_loss: 0.6 } },
      links: { run: `${BASE}/runs/${runId}`, events: `${BASE}/runs/${runId}/events` },
    },
  });
  expect(new Set(published.map(({ detail }) => detail.metadata.id)).size).toBe(published.length);
});

test('tells a failure with its code and remedy, and never a line of the log', async () => {
  const plane = new MemoryPlane();
  const runId = await plane.create();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  await trainer.fail('diverged', 'the loss is not finite');
  await plane.settle(runId);
  const run = await plane.run(runId);

  const events = (await plane.runs.events(runId, 0, 100)).flatMap((event) => publish(event, run));

  expect(events.at(-1)?.detail.data).toMatchObject({
    state: 'failed',
    reason: { code: 'diverged' },
    failure: { code: 'diverged', message: 'the loss is not finite', remedy: expect.stringContaining('learning_rate') },
  });
  expect(JSON.stringify(events)).not.toContain('the last line');
});

test('says whose doing it was', async () => {
  const plane = new MemoryPlane();
  const runId = await plane.create();
  await stopRun(plane.ports, runId);
  const run = await plane.run(runId);
  const [, submitted, stopped] = (await plane.runs.events(runId, 0, 10)).flatMap((event) => publish(event, run));

  expect([submitted?.detail.metadata.actor, stopped?.detail.metadata.actor]).toEqual(['user', 'user']);
  const late = anEvent(aRun({ state: 'stopping' }), { code: 'time_limit', data: { event: 'stopRequested', before: 'running' } });
  expect(publish(late, null)[0]?.detail.metadata.actor).toBe('plane');
});

test('says what a run waits for, and nothing when it has it', () => {
  const waiting = { code: 'quota' as const, sentence: 'the account may not', remedy: 'ask for more', since: EPOCH_TIME };
  const run = aRun({ state: 'queued', version: 3, waiting });
  const blocked = anEvent(run, { type: 'waiting-changed', code: 'quota', message: waiting.sentence });

  expect(publish(blocked, run)[0]).toMatchObject({
    detailType: 'Training Run Blocked',
    detail: { data: { waiting, reason: { code: 'quota' } } },
  });
  expect(publish(blocked, aRun())[0]?.detail.data['waiting']).toBeNull();
  expect(publish({ ...blocked, code: null, message: 'has a machine' }, run)).toEqual([]);
});

test('tells nothing of what concerns only the plane', () => {
  const run = aRun();

  for (const type of [
    'attempt-reserved',
    'attempt-launched',
    'inputs-prepared',
    'samples-saved',
    'warning-raised',
    'checkpoint-removed',
  ] as const)
    expect(typesOf(publish(anEvent(run, { type }), run))).toEqual([]);
});

test('tells of a run that was deleted since, without what only its record knew', () => {
  const event = anEvent(aRun({ state: 'stopped' }), { type: 'state-changed', data: { before: 'queued' } });

  const [change, finished] = publish(event, null);

  expect(change?.detail.data).toMatchObject({ state: 'stopped', previousState: 'queued', provider: null, projectId: null });
  expect(finished?.detail.data).toMatchObject({ failure: null, result: null, computeSeconds: null });
});

test('stays below 256 KB, however long a message is', () => {
  const event = anEvent(aRun(), { type: 'state-changed', message: 'ä'.repeat(1_000_000), data: { before: 'created' } });

  for (const { detail } of publish(event, null)) expect(Buffer.byteLength(JSON.stringify(detail))).toBeLessThan(16_384);
});
