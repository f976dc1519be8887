import type { SQSEvent } from 'aws-lambda';
import { expect, test } from 'vitest';
import { toNudge } from '#domain/nudge.ts';
import { createHandler, type NudgeReader } from '#workers/nudges.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const readFolder: NudgeReader = async (message) => {
  const runs = (message as { folder?: string[] } | null)?.folder;
  return runs ?? null;
};

/** As SQS hands messages to a function; what the types also want is of no interest here. */
const batchOf = (...bodies: unknown[]): SQSEvent => ({
  Records: bodies.map((body, index) => ({ messageId: `m${index}`, body: typeof body === 'string' ? body : JSON.stringify(body) }) as never),
});

function openWorker() {
  const plane = new MemoryPlane();
  const lines: Readonly<Record<string, unknown>>[] = [];
  const handle = createHandler(plane.ports, { readers: [readFolder], log: (line) => lines.push(line) });
  return { plane, handle, lines };
}

test('a message leads to a look at its run, until that waits for something', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();

  const result = await handle(batchOf(toNudge(runId)));

  expect(result).toEqual({ batchItemFailures: [] });
  expect(await plane.run(runId)).toMatchObject({ state: 'initializing', attempt: { number: 1 } });
});

test('a lost machine is followed by the next attempt in the same breath', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();
  await plane.settle(runId);
  const trainer = plane.trainer(runId);
  await trainer.claim();
  await trainer.report('training');
  await plane.settle(runId);
  plane.setLiveness(runId, 1, 'gone');

  await handle(batchOf({ folder: [runId] }));

  expect((await plane.run(runId)).attempt).toMatchObject({ number: 2, handle: { machine: `${runId}-0002` } });
});

test('a run that many messages name is looked at once', async () => {
  const { plane, handle } = openWorker();
  const runId = await plane.create();
  const get = plane.runs.get.bind(plane.runs);
  let reads = 0;
  plane.runs.get = (id) => {
    reads += 1;
    return get(id);
  };
  await handle(batchOf(toNudge(runId)));
  const once = reads;
  const other = await plane.create();
  reads = 0;

  await handle(batchOf(toNudge(other), { folder: [other, other] }, toNudge(other)));

  expect(reads).toBe(once);
});

test('only the messages of a run that could not be looked at come back', async () => {
  const { plane, handle, lines } = openWorker();
  const [good, bad] = [await plane.create(), await plane.create()];
  const get = plane.runs.get.bind(plane.runs);
  plane.runs.get = async (id) => {
    if (id === bad) throw new Error('throttled');
    return get(id);
  };

  const result = await handle(batchOf(toNudge(good), toNudge(bad), { folder: [bad, good] }));

  expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: 'm1' }, { itemIdentifier: 'm2' }] });
  expect((await plane.run(good)).state).toBe('initializing');
  expect(lines).toContainEqual(expect.objectContaining({ event: 'nudge-failed', runId: bad, message: 'throttled' }));
});

test('a reader that fails sends its message back', async () => {
  const { plane } = openWorker();
  const readers: NudgeReader[] = [
    async () => {
      throw new Error('the table is away');
    },
  ];

  const handle = createHandler(plane.ports, { readers, log: () => {} });

  expect(await handle(batchOf({ any: 'thing' }))).toEqual({ batchItemFailures: [{ itemIdentifier: 'm0' }] });
});

test('what nobody can read is dropped, with a line that does not repeat it', async () => {
  const { handle, lines } = openWorker();

  const result = await handle(batchOf('no JSON, with a secret', { foreign: 'a secret' }));

  expect(result).toEqual({ batchItemFailures: [] });
  expect(lines.map(({ event }) => event)).toEqual(['nudge-not-understood', 'nudge-not-understood']);
  expect(JSON.stringify(lines)).not.toContain('secret');
});
