import { beforeEach, describe, expect, test } from 'vitest';
import { readLogs, searchLogs } from '#operations/read-logs.ts';
import { EPOCH } from '../support/builders.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

/** A line every tenth of a second. */
const LINE_MILLIS = 100;
const timeOf = (line: number): number => EPOCH + (line - 1) * LINE_MILLIS;

let plane: MemoryPlane;
let chunksRead: string[];
let lookUps: number;
let writtenAttempts: number[];

/** Logs of any length that are made as they are read: the lines of the run, numbered over its attempts, say their number. */
beforeEach(() => {
  plane = new MemoryPlane();
  chunksRead = [];
  lookUps = 0;
  writtenAttempts = [];
  const stored = plane.artifacts.get.bind(plane.artifacts);
  plane.artifacts.get = async (key) => {
    const [, attempt, chunk] = /\/logs\/.*-(\d{4})-(\d{8})\.jsonl$/.exec(key) ?? [];
    if (attempt === undefined) return stored(key);
    chunksRead.push(key);
    return chunkText(Number(attempt), Number(chunk));
  };
  const lastBefore = plane.logIndex.lastBefore.bind(plane.logIndex);
  plane.logIndex.lastBefore = (runId, time) => {
    lookUps += 1;
    return lastBefore(runId, time);
  };
});

const LEVELS = { 7: 'WARNING', 13: 'ERROR' } as Readonly<Record<number, string>>;

function chunkText(attempt: number, chunk: number): string | null {
  const offset = writtenAttempts.slice(0, attempt - 1).reduce((sum, lines) => sum + lines, 0);
  const begin = (chunk - 1) * 1_000;
  const rows = Math.min(1_000, (writtenAttempts[attempt - 1] ?? 0) - begin);
  if (rows <= 0) return null;
  return Array.from({ length: rows }, (_, index) => {
    const number = offset + begin + index + 1;
    const row = {
      line: begin + index + 1,
      timestamp: new Date(timeOf(number)).toISOString(),
      level: LEVELS[number % 1_000] ?? 'INFO',
      rank: 0,
      message: `line ${number}`,
    };
    return `${JSON.stringify(row)}\n`;
  }).join('');
}

async function report(id: string, attempt: number, logLines: number, sequence = 1): Promise<void> {
  writtenAttempts[attempt - 1] = logLines;
  await plane
    .trainer(id, attempt)
    .report('training', { sequence, step: 1, counts: { logLines, metricRows: 0, checkpoints: 0, samples: 0 } });
  await plane.settle(id);
}

/** A run whose attempts left so many lines each; the last one is at work. */
async function aRunWithLogs(...lines: number[]): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  for (const [index, logLines] of lines.entries()) {
    await plane.trainer(id, index + 1).claim();
    await report(id, index + 1, logLines);
    if (index + 1 === lines.length) break;
    await plane.trainer(id, index + 1).checkpoint(index + 1);
    await plane.trainer(id, index + 1).finish('interrupted', { counts: { logLines, metricRows: 0, checkpoints: 1, samples: 0 } });
    await plane.settle(id);
  }
  chunksRead = [];
  return id;
}

const numbers = (items: readonly { number: number }[]): number[] => items.map(({ number }) => number);

describe('pages', () => {
  test('go over all attempts, numbered from 1, and the one after the last is empty', async () => {
    const id = await aRunWithLogs(3, 2_500, 4);

    const first = await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 5 });
    const last = await readLogs(plane.ports, id, { place: { offset: 2_502 }, limit: 5 });
    const beyond = await readLogs(plane.ports, id, { place: { offset: 2_507 }, limit: 5 });

    expect(first.items.map(({ number, attempt, message }) => [number, attempt, message])).toEqual([
      [1, 1, 'line 1'],
      [2, 1, 'line 2'],
      [3, 1, 'line 3'],
      [4, 2, 'line 4'],
      [5, 2, 'line 5'],
    ]);
    expect([first.total, first.next]).toEqual([2_507, 5]);
    expect(last.items.map(({ number, attempt }) => [number, attempt])).toEqual([
      [2_503, 2],
      [2_504, 3],
      [2_505, 3],
      [2_506, 3],
      [2_507, 3],
    ]);
    expect(last.next).toBeNull();
    expect(beyond).toEqual({ items: [], total: 2_507, next: null });
  });

  test('go on behind a line, so that a follower reads each line once', async () => {
    const id = await aRunWithLogs(1_500);
    const before = await readLogs(plane.ports, id, { place: { after: 1_499 }, limit: 100 });
    await report(id, 1, 1_503, 2);

    const after = await readLogs(plane.ports, id, { place: { after: 1_500 }, limit: 100 });

    expect([numbers(before.items), before.next]).toEqual([[1_500], null]);
    expect(numbers(after.items)).toEqual([1_501, 1_502, 1_503]);
  });

  test('hold no line that the plane does not count yet', async () => {
    const id = await aRunWithLogs(1_000);
    writtenAttempts[0] = 1_400;

    expect(await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 1_000 })).toMatchObject({ total: 1_000, next: null });
  });

  test('count the lines that a lost trainer stored and never reported', async () => {
    const id = await aRunWithLogs(1_200);
    writtenAttempts[0] = 3_000;
    plane.setLiveness(id, 1, 'gone');

    await plane.settle(id);

    expect(await readLogs(plane.ports, id, { place: { offset: 2_998 }, limit: 10 })).toMatchObject({
      total: 3_000,
      items: [{ number: 2_999 }, { number: 3_000 }],
    });
  });

  test('a run that wrote nothing yet has none, and one that is not there is refused', async () => {
    const id = await plane.create();

    expect(await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 10 })).toEqual({ items: [], total: 0, next: null });
    await expect(readLogs(plane.ports, 'run_x', { place: { offset: 0 }, limit: 10 })).rejects.toMatchObject({ code: 'run_not_found' });
  });
});

describe('a stretch of time', () => {
  test('is half-open, and its total exact', async () => {
    const id = await aRunWithLogs(1_500, 2_000);
    const range = { start: timeOf(1_400), end: timeOf(1_601) };

    const page = await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 150, range });
    const rest = await readLogs(plane.ports, id, { place: { offset: 150 }, limit: 150, range });

    expect([page.total, page.items[0]?.number, page.items.at(-1)?.number, page.next]).toEqual([201, 1_400, 1_549, 1_549]);
    expect([rest.total, rest.items[0]?.number, rest.items.at(-1)?.number, rest.next]).toEqual([201, 1_550, 1_600, null]);
  });

  test.each([
    ['before the first line', 0, EPOCH, 0],
    ['from the first line on', EPOCH, undefined, 2_500],
    ['up to a chunk border', undefined, timeOf(1_001), 1_000],
    ['just behind a chunk border', undefined, timeOf(1_001) + 1, 1_001],
    ['a moment between two lines', timeOf(2_000) + 1, timeOf(2_001), 0],
    ['after the last line', timeOf(2_501), undefined, 0],
    ['turned round', timeOf(2_000), timeOf(1_000), 0],
  ])('%s', async (_, start, end, total) => {
    const id = await aRunWithLogs(2_500);

    expect((await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 1_000, range: { start, end } })).total).toBe(total);
  });

  test('is found also after a crash between the index and the record', async () => {
    const id = await aRunWithLogs(2_500);
    writtenAttempts[0] = 4_500;
    plane.runs.recordProgress = async () => {
      throw new Error('the plane dies here');
    };
    await expect(report(id, 1, 4_500, 2)).rejects.toThrow('dies here');
    const dead = await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 1, range: { end: timeOf(4_000) } });
    Reflect.deleteProperty(plane.runs, 'recordProgress');
    await plane.settle(id);

    const alive = await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 1, range: { end: timeOf(4_000) } });

    expect([dead.total, alive.total]).toEqual([2_500, 3_999]);
    expect(plane.logIndex.rows.get(id)).toHaveLength(5);
  });
});

test('the log of a run that an older plane trained is indexed when its time is first asked for, and not again', async () => {
  const id = await aRunWithLogs(1_200, 5_000);
  await plane.logIndex.removeAll(id);
  const before = (line: number) => readLogs(plane.ports, id, { place: { offset: 0 }, limit: 1, range: { end: timeOf(line) } });

  const first = await before(4_001);
  const read = chunksRead.length;
  const second = await before(4_001);
  const none = await before(1);

  expect([first.total, second.total, none.total]).toEqual([4_000, 4_000, 0]);
  expect(read).toBe(9); // the first chunk, seven to index, the one where the time ends
  expect(chunksRead.length - read).toBeLessThan(4);
});

describe('a run of a million lines', () => {
  const MILLION = 1_000_000;

  test('any page, first, middle or last, filtered by time or not, costs the same few reads', async () => {
    const id = await aRunWithLogs(400_000, 600_000);
    const gets = plane.runs.get.bind(plane.runs);
    let records = 0;
    plane.runs.get = (runId) => {
      records += 1;
      return gets(runId);
    };
    const cost = async (offset: number, range: { start?: number; end?: number } = {}) => {
      [chunksRead, lookUps, records] = [[], 0, 0];
      const page = await readLogs(plane.ports, id, { place: { offset }, limit: 500, range });
      return { first: page.items[0]?.number, lines: page.items.length, total: page.total, chunks: chunksRead.length, lookUps, records };
    };
    const middle = { start: timeOf(250_501), end: timeOf(750_501) };

    const plain = { total: MILLION, lookUps: 0, records: 1, lines: 500 };
    expect(await cost(0)).toEqual({ ...plain, first: 1, chunks: 1 });
    expect(await cost(499_800)).toEqual({ ...plain, first: 499_801, chunks: 2 });
    expect(await cost(MILLION - 500)).toEqual({ ...plain, first: MILLION - 499, chunks: 1 });
    const filtered = { total: 500_000, lookUps: 2, records: 1, lines: 500 };
    expect(await cost(0, middle)).toEqual({ ...filtered, first: 250_501, chunks: 2 }); // its first chunk is also where the time begins
    expect(await cost(249_800, middle)).toEqual({ ...filtered, first: 500_301, chunks: 3 });
    expect(await cost(499_500, middle)).toEqual({ ...filtered, first: 750_001, chunks: 2 });
  });

  test('a poll reads the chunks that began since the last one, and no other', async () => {
    const id = await aRunWithLogs(MILLION);

    await report(id, 1, MILLION + 1_500, 2);

    expect(chunksRead.map((key) => key.slice(-14, -6))).toEqual(['00001001', '00001002']);
  });
});

describe('a search', () => {
  test('finds lines of at least a level, and goes on where it ended', async () => {
    const id = await aRunWithLogs(3_000);

    const first = await searchLogs(plane.ports, id, { after: 0, limit: 3, level: 'WARNING' });
    const rest = await searchLogs(plane.ports, id, { after: first.next ?? 0, limit: 100, level: 'WARNING' });

    expect([numbers(first.items), first.next]).toEqual([[7, 13, 1_007], 1_007]);
    expect([numbers(rest.items), rest.next]).toEqual([[1_013, 2_007, 2_013], null]);
  });

  test('finds a text in any case, within a stretch of time', async () => {
    const id = await aRunWithLogs(3_000);

    const found = await searchLogs(plane.ports, id, {
      after: 0,
      limit: 100,
      text: 'LINE 123',
      range: { start: timeOf(200), end: timeOf(1_236) },
    });

    expect(numbers(found.items)).toEqual([1_230, 1_231, 1_232, 1_233, 1_234, 1_235]);
  });

  test('looks at 20,000 lines at most, and says where to go on though it found nothing', async () => {
    const id = await aRunWithLogs(100_000);

    const page = await searchLogs(plane.ports, id, { after: 500, limit: 10, text: 'nowhere' });

    expect(page).toEqual({ items: [], next: 20_500 });
    expect(chunksRead).toHaveLength(21);
  });
});

test('a line that cannot be read keeps its number and is left out', async () => {
  const id = await plane.create();
  await plane.settle(id);
  await plane.trainer(id).claim();
  await report(id, 1, 3);
  plane.artifacts.get = async () => `${chunkText(1, 1)?.split('\n').with(1, '{"line": 2, "tim').join('\n')}`;

  expect(numbers((await readLogs(plane.ports, id, { place: { offset: 0 }, limit: 10 })).items)).toEqual([1, 3]);
});
