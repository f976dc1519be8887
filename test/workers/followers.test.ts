import { expect, test } from 'vitest';
import { makeFailure } from '#domain/failures.ts';
import { stopRun } from '#operations/stop-run.ts';
import { jobMessage, toPresentStatus } from '#surfaces/orchestrator/messages.ts';
import { Followers, toFrame } from '#workers/followers.ts';
import { aRun } from '../support/builders.ts';
import { MemoryConnections } from '../support/memory-connections.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

async function openFollowers() {
  const plane = new MemoryPlane();
  const connections = new MemoryConnections();
  const waits: number[] = [];
  const wait = async (millis: number): Promise<void> => {
    waits.push(millis);
    plane.now += millis;
  };
  const followers = new Followers({ runs: plane.runs, connections, clock: plane.ports.clock, wait });
  const runId = await plane.create();
  const connect = async (id: string, after: number | null = null): Promise<void> => {
    connections.held.set(id, []);
    const place = after === null ? null : { sequence: after, report: null };
    await connections.add({ id, runId, place, connectedAt: plane.now, toldAt: plane.now });
  };
  /** What a client has received, each message by type and seq; checked against the schema of messages. */
  const heard = (id: string): string[] =>
    (connections.held.get(id) ?? []).map((text) => jobMessage.parse(JSON.parse(text))).map(({ type, seq }) => `${type} ${seq}`);
  return { plane, connections, followers, runId, connect, heard, waits };
}

test('greets who has just come with the present status, and tells what happens then, in order', async () => {
  const { plane, followers, runId, connect, heard } = await openFollowers();
  await connect('c1');

  await followers.tell(runId);
  expect(heard('c1')).toEqual(['status 2']);

  await plane.settle(runId);
  await followers.tell(runId);
  expect(heard('c1').slice(1)).toEqual(['notification 3', 'notification 4', 'notification 5', 'status 6']);
  await followers.tell(runId);
  expect(heard('c1')).toHaveLength(5);
});

test('who comes back with `after` is told every event since, once', async () => {
  const { plane, followers, runId, connect, heard } = await openFollowers();
  await plane.settle(runId);
  await connect('c1', 3);

  await followers.tell(runId);
  await followers.tell(runId);

  expect(heard('c1')).toEqual(['notification 4', 'notification 5', 'status 6']);
});

test('tells the newest report where the engine has moved, and each follower from its own place', async () => {
  const { plane, followers, runId, connect, heard } = await openFollowers();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  await connect('early');
  await followers.tell(runId);
  await trainer.report('training', { metrics: { loss: 1 } });
  await plane.settle(runId);
  await connect('late');

  await followers.tell(runId);

  expect(heard('early').at(-1)).toMatch(/^metrics/);
  expect(heard('late')).toEqual([expect.stringMatching(/^status/), expect.stringMatching(/^metrics/)]);
});

test('forgets a connection that is gone, and tells the others', async () => {
  const { plane, connections, followers, runId, connect, heard } = await openFollowers();
  await connect('gone');
  await connect('here');
  connections.held.delete('gone');
  plane.now += 60_000;

  await followers.tell(runId);

  expect([...connections.known.keys()]).toEqual(['here']);
  expect(heard('here')).toHaveLength(1);
});

test('a 410 while a connection is only coming is no end of it', async () => {
  const { connections, followers, runId, connect, heard, waits } = await openFollowers();
  await connect('c1');
  let refusals = 3;
  connections.onSend = () => refusals-- <= 0;

  await followers.tell(runId);

  expect(heard('c1')).toEqual(['status 2']);
  expect(waits).toEqual([250, 250, 250]);
});

test('a connection that never comes is forgotten after two seconds', async () => {
  const { connections, followers, runId, connect, waits } = await openFollowers();
  await connect('c1');
  connections.held.delete('c1');

  await followers.tell(runId);

  expect([connections.known.size, waits.length]).toEqual([0, 7]);
});

test('says the status again to who has heard nothing for 8 minutes', async () => {
  const { plane, followers, runId, connect, heard } = await openFollowers();
  await connect('c1');
  await followers.tell(runId);

  plane.now += 6 * 60_000;
  await followers.repeatStatus();
  expect(heard('c1')).toHaveLength(1);
  plane.now += 60_000;
  await followers.repeatStatus();
  await followers.repeatStatus();

  expect(heard('c1')).toEqual(['status 2', 'status 2']);
});

test('lets go of who followed a run that was deleted, and of the mark when nobody is left', async () => {
  const { plane, connections, followers, runId, connect } = await openFollowers();
  await connect('c1');
  await stopRun(plane.ports, runId);
  const { version } = await plane.run(runId);
  await plane.runs.remove(runId, version);

  await followers.tell(runId);
  await followers.tell(runId);

  expect(connections.known.size).toBe(0);
  expect(connections.unfollowed).toEqual([runId]);
});

test('a failure that quotes more of the log than a frame holds keeps its last lines', () => {
  const evidence = Array.from({ length: 30 }, (_, index) => `${index} ${'x'.repeat(8_000)}`);
  const run = aRun({ state: 'failed', failure: makeFailure('diverged', 'the loss is not finite', evidence) });

  const frame = toFrame(toPresentStatus({ run, progress: null }));

  expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(32_000);
  expect(JSON.parse(frame).data.failure.evidence).toEqual(evidence.slice(-3));
});
