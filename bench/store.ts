/** The store alone, in this process: what a create and a read cost before HTTP, and whether a page costs more when there are more runs. */
import { StatementSync } from 'node:sqlite';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import { anEvent, aRun } from '../test/support/builders.ts';
import { median } from './load.ts';

const CREATES = { 1: 2_000, 16: 16_000, 64: 32_000 } as const;
const FEW_RUNS = 100;
const MANY_RUNS = 100_000;

export interface StoreFigures {
  /** by how many callers there are at once */
  readonly createsPerSecond: Readonly<Record<1 | 16 | 64, number>>;
  readonly getMicros: number;
  /** a filtered page of 50 among 100 and among 100,000 runs */
  readonly pageMicros: { readonly few: number; readonly many: number };
  readonly pageRows: { readonly few: number; readonly many: number };
  readonly countMicros: { readonly few: number; readonly many: number };
}

export async function measureStore(home: string): Promise<StoreFigures> {
  const database = SqliteDatabase.open(home);
  const runs = new SqliteRunStore(database, { clock: { now: Date.now } });
  const newest: string[] = [];
  let made = 0;
  const create = async (): Promise<void> => {
    const run = aRun({ state: made++ % 2 === 0 ? 'queued' : 'failed', version: 2 });
    await runs.create(run, [anEvent(run, { sequence: 1 }), anEvent(run)]);
    newest[made % FEW_RUNS] = run.id;
  };
  const createAll = async (callers: number, total: number): Promise<number> => {
    const end = made + total;
    const began = performance.now();
    await Promise.all(
      Array.from({ length: callers }, async () => {
        while (made < end) await create();
      }),
    );
    return (total / (performance.now() - began)) * 1_000;
  };
  const page = (): Promise<unknown> => runs.list({ state: ['failed'], provider: 'local' }, 50);
  const count = (): Promise<unknown> => runs.count({ state: ['failed'] });
  try {
    await createAll(16, FEW_RUNS);
    const few = { page: await microsOf(page), rows: await rowsOf(page), count: await microsOf(count) };
    const createsPerSecond = {
      1: await createAll(1, CREATES[1]),
      16: await createAll(16, CREATES[16]),
      64: await createAll(64, CREATES[64]),
    };
    await createAll(64, MANY_RUNS - made);
    let next = 0;
    const getMicros = await microsOf(() => runs.get(newest[next++ % newest.length] ?? ''));
    return {
      createsPerSecond,
      getMicros,
      pageMicros: { few: few.page, many: await microsOf(page) },
      pageRows: { few: few.rows, many: await rowsOf(page) },
      countMicros: { few: few.count, many: await microsOf(count) },
    };
  } finally {
    database.close();
  }
}

/** Rows that the statements of a call give. They are found by an index, each of them: `test/local/sqlite-run-store.test.ts` looks at their plans. */
async function rowsOf(call: () => Promise<unknown>): Promise<number> {
  const { all, get } = StatementSync.prototype;
  let rows = 0;
  Object.assign(StatementSync.prototype, {
    all(this: StatementSync, ...values: unknown[]) {
      const found: unknown[] = Reflect.apply(all, this, values);
      rows += found.length;
      return found;
    },
    get(this: StatementSync, ...values: unknown[]) {
      const found: unknown = Reflect.apply(get, this, values);
      rows += found === undefined ? 0 : 1;
      return found;
    },
  });
  try {
    await call();
  } finally {
    Object.assign(StatementSync.prototype, { all, get });
  }
  return rows;
}

/** The median of eleven stretches of 200 calls, after two to warm up. */
async function microsOf(call: () => Promise<unknown>): Promise<number> {
  const stretches: number[] = [];
  for (let stretch = -2; stretch < 11; stretch++) {
    const began = performance.now();
    for (let index = 0; index < 200; index++) await call();
    if (stretch >= 0) stretches.push(((performance.now() - began) / 200) * 1_000);
  }
  return median(stretches);
}
