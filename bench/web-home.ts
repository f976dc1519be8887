/**
 * A home as it is after months: thousands of runs, one of them with a log and curves of any length, written straight into the store and the
 * folder by the rules of the run folder. The log's lines and the losses are made up here, and only here: they are load, not results.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeId } from '#domain/ids.ts';
import { NOTHING_LEFT, type Run, type RunProgress } from '#domain/run.ts';
import { CHUNK_ROWS, runFolderKeys } from '#domain/run-folder.ts';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import { anEvent, aProgress, aRun } from '../test/support/builders.ts';

const BUCKETS = 1_000;
const STATES = ['completed', 'completed', 'completed', 'failed', 'stopped'] as const;
const BEGAN = Date.UTC(2026, 10, 1);
const MINUTE_MILLIS = 60_000;

export interface BigRun {
  readonly id: string;
  readonly lines: number;
  readonly steps: number;
}

/** @returns the long run */
export async function writeHome(
  home: string,
  { runs, lines, steps }: { readonly runs: number; readonly lines: number; readonly steps: number },
): Promise<BigRun> {
  mkdirSync(home, { recursive: true });
  const database = SqliteDatabase.open(home);
  const store = new SqliteRunStore(database, { clock: { now: Date.now } });
  try {
    await Promise.all(Array.from({ length: runs - 1 }, (_, index) => createRun(store, index)));
    return await createBigRun(store, home, runs, lines, steps);
  } finally {
    database.close();
  }
}

async function createRun(store: SqliteRunStore, index: number): Promise<void> {
  const created = BEGAN + index * MINUTE_MILLIS;
  const run = aRun({
    ...overIn(STATES[index % STATES.length] ?? 'completed', created),
    id: makeId('run', created),
    name: `sweep-${String(index).padStart(4, '0')}`,
  });
  await store.create(run, [anEvent(run)]);
  await store.recordProgress(
    run.id,
    reportOf(run, { step: 300, steps: 300, loss: 0.02 + (index % 97) / 1_000, logLines: 0, metricRows: 0 }),
  );
}

function overIn(state: (typeof STATES)[number], created: number): Partial<Run> {
  const time = (millis: number) => new Date(created + millis).toISOString();
  return {
    state,
    version: 1,
    createdAt: time(0),
    updatedAt: time(MINUTE_MILLIS),
    submittedAt: time(0),
    startedAt: time(5_000),
    completedAt: time(MINUTE_MILLIS),
    computeSeconds: 55,
  };
}

interface Report {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly logLines: number;
  readonly metricRows: number;
}

const reportOf = (run: Run, { step, steps, loss, logLines, metricRows }: Report): RunProgress =>
  aProgress({
    sequence: 1,
    step,
    steps,
    highestStep: step,
    metrics: { loss, learning_rate: 3e-3 },
    counts: { logLines, metricRows, checkpoints: 0, samples: 0 },
    seenAt: run.updatedAt,
  });

async function createBigRun(store: SqliteRunStore, home: string, index: number, lines: number, steps: number): Promise<BigRun> {
  const created = BEGAN + index * MINUTE_MILLIS;
  const begun = overIn('completed', created);
  const times = { reservedAt: begun.createdAt ?? '', endedAt: begun.completedAt ?? '' };
  const past = {
    ...NOTHING_LEFT,
    number: 1,
    outcome: 'completed' as const,
    ...times,
    resumedFromStep: null,
    logLines: lines,
    metricRows: steps,
  };
  const run = aRun({ ...begun, id: makeId('run', created), name: 'a-long-night', pastAttempts: [past] });
  await store.create(run, [anEvent(run)]);
  await store.recordProgress(run.id, reportOf(run, { step: steps, steps, loss: 0.02, logLines: lines, metricRows: steps }));
  const put = putInto(join(home, 'artifacts', run.folder));
  writeLog(put, run.id, lines, created);
  put(runFolderKeys.overview(run.id), JSON.stringify({ schema: 1, series: seriesOf(steps, created) }));
  return { id: run.id, lines, steps };
}

type Put = (key: string, content: string) => void;
const putInto =
  (folder: string): Put =>
  (key, content) => {
    const path = join(folder, key);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, content);
  };

function writeLog(put: Put, id: string, lines: number, began: number): void {
  for (let chunk = 0; chunk * CHUNK_ROWS < lines; chunk++) {
    const rows = Array.from({ length: Math.min(CHUNK_ROWS, lines - chunk * CHUNK_ROWS) }, (_, row) => {
      const line = chunk * CHUNK_ROWS + row + 1;
      const level = line % 250_000 === 0 ? 'ERROR' : line % 10_000 === 0 ? 'WARNING' : 'INFO';
      return `${JSON.stringify({ line, timestamp: new Date(began + line * 10).toISOString(), level, rank: 0, message: `step ${line}/${lines}  loss ${lossAt(line).toFixed(4)}  grad_norm 1.02  tokens_per_second 12038` })}\n`;
    });
    put(runFolderKeys.logChunk(id, 1, chunk + 1), rows.join(''));
  }
}

const lossAt = (step: number): number => 2 * Math.exp(-step / 50_000) + ((step * 7_919) % 1_000) / 20_000;

/** Two metrics and both axes, each bucket of as many steps as its next. */
function seriesOf(steps: number, began: number): Record<string, unknown[]> {
  const width = Math.ceil(steps / BUCKETS);
  const bucketsOf = (valueAt: (step: number) => number) =>
    Array.from({ length: Math.ceil(steps / width) }, (_, bucket) => {
      const fromStep = bucket * width + 1;
      const toStep = Math.min(steps, (bucket + 1) * width);
      const values = Array.from({ length: toStep - fromStep + 1 }, (_, offset) => valueAt(fromStep + offset));
      return {
        fromStep,
        toStep,
        count: values.length,
        min: Math.min(...values),
        max: Math.max(...values),
        mean: values.reduce((sum, value) => sum + value, 0) / values.length,
        last: values.at(-1) ?? 0,
      };
    });
  return {
    loss: bucketsOf(lossAt),
    learning_rate: bucketsOf((step) => 3e-3 * (1 - step / (steps + 1))),
    epoch: bucketsOf((step) => (3 * step) / steps),
    timestamp: bucketsOf((step) => (began + step * 10) / 1_000),
  };
}
