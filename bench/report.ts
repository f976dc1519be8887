/** What the bench prints: figures, then ratios beside their goals. */
import { availableParallelism, loadavg } from 'node:os';
import { API_CASES, CASES, type CaseFigures, type ContestFigures } from './contest.ts';
import type { SyncFigures } from './disk-sync.ts';
import type { ShareFigures } from './middleware.ts';
import type { StoreFigures } from './store.ts';

const print = (line = ''): void => console.log(line);
const round = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 3 : 0 });

export function printMachine({
  rounds,
  seconds,
  sync,
}: {
  readonly rounds: number;
  readonly seconds: number;
  readonly sync: SyncFigures;
}): void {
  print(
    `${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(2)}, Node ${process.versions.node}; ${rounds} rounds of ${seconds} s each, in turns, medians`,
  );
  print(`the disk syncs 4 KiB in ${round(sync.p50Millis)} ms (min ${round(sync.minMillis)}, p99 ${round(sync.p99Millis)})`);
}

export function printStore({ createsPerSecond, getMicros, pageMicros, pageRows, countMicros }: StoreFigures): void {
  print('\nthe store alone, every create synced to the disk');
  for (const [callers, rate] of Object.entries(createsPerSecond))
    print(`  creates/s, ${callers.padStart(2)} at once   ${round(rate).padStart(8)}`);
  print(`  get                    ${round(getMicros).padStart(8)} us`);
  print(`  filtered page of 50    ${round(pageMicros.few).padStart(8)} us among 100 runs, ${round(pageMicros.many)} us among 100,000`);
  print(`    rows that it reads   ${round(pageRows.few).padStart(8)}    among 100 runs, ${round(pageRows.many)} among 100,000`);
  printGoal({ what: 'page among 100,000 : among 100, rows', value: pageRows.many / pageRows.few, unit: 'x', atMost: 1.05 });
  printGoal({ what: 'page among 100,000 : among 100, time', value: pageMicros.many / pageMicros.few, unit: 'x', atMost: 1.5 });
  print(`  filtered count         ${round(countMicros.few).padStart(8)} us among 100 runs, ${round(countMicros.many)} us among 100,000`);
}

export function printContest(figures: ContestFigures): void {
  print(
    `\n${['', 'requests/s', 'min ms', 'p50 ms', 'p99 ms', 'server us'].map((title, column) => (column === 0 ? title.padEnd(30) : title.padStart(12))).join('')}`,
  );
  for (const name of CASES) {
    for (const [who, label] of [
      ['plane', 'plane'],
      ['peer', 'FastAPI'],
    ] as const) {
      const row = figures[who][name];
      if (row) print(`${name.padEnd(22)}${label.padEnd(8)}${toCells(row)}`);
    }
  }
}

/** Of each API: requests a second of both, and their ratio. */
export function printApis(figures: ReadonlyMap<string, ContestFigures>): void {
  print(`\n${'16 at once, requests/s'.padEnd(30)}${['plane', 'FastAPI', 'ratio'].map((title) => title.padStart(12)).join('')}`);
  for (const [name, { plane, peer }] of figures) {
    for (const which of API_CASES) {
      const [ours, theirs] = [plane[which]?.requestsPerSecond ?? Number.NaN, peer[which]?.requestsPerSecond ?? Number.NaN];
      const cells = [round(ours), round(theirs), (ours / theirs).toFixed(2)];
      print(`${name.padEnd(18)}${which.replace(' c16', '').padEnd(12)}${cells.map((cell) => cell.padStart(12)).join('')}`);
    }
  }
}

/** How much of a request is the chain before and after its route. */
export function printShare(figures: readonly ShareFigures[]): void {
  print('\nthe chain in front of a route, in one process, without a socket');
  for (const { name, wholeMicros, routeMicros } of figures) {
    const share = Math.round((1 - routeMicros / wholeMicros) * 100);
    print(
      `  ${name.padEnd(20)}${round(wholeMicros).padStart(8)} us a request, the route alone ${round(routeMicros)} us: the chain is ${share} %`,
    );
  }
}

function toCells({ requestsPerSecond, minMillis, p50Millis, p99Millis, cpuMicrosPerRequest }: CaseFigures): string {
  return [requestsPerSecond, minMillis, p50Millis, p99Millis, cpuMicrosPerRequest]
    .map((value) => (value === null ? '-' : round(value)).padStart(12))
    .join('');
}

interface Goal {
  readonly what: string;
  /** null: could not be measured here */
  readonly value: number | null;
  readonly unit: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** what we aim at, beside what is promised */
  readonly isWish?: boolean;
}

export interface PlaneFigures {
  /** of `npm start`, everything between included */
  readonly startMillis: number;
  /** of the plane's own process */
  readonly ownStartMillis: number;
  readonly idleMegabytes: number | null;
}

export function printGoals(figures: ContestFigures, { startMillis, ownStartMillis, idleMegabytes }: PlaneFigures): void {
  const ratio = (name: (typeof CASES)[number], figure: keyof CaseFigures): number | null => {
    const [plane, peer] = [figures.plane[name]?.[figure] ?? null, figures.peer[name]?.[figure] ?? null];
    return plane === null || peer === null || peer === 0 ? null : plane / peer;
  };
  const goals: Goal[] = [
    { what: 'durable creates, requests/s at c16', value: ratio('create c16', 'requestsPerSecond'), unit: 'x', atLeast: 1 },
    { what: 'gets, requests/s at c16', value: ratio('get c16', 'requestsPerSecond'), unit: 'x', atLeast: 2 },
    { what: 'gets, server time a request at c16', value: ratio('get c16', 'cpuMicrosPerRequest'), unit: 'x', atMost: 0.4, isWish: true },
    { what: 'gets, p50 at c1', value: ratio('get c1', 'p50Millis'), unit: 'x', atMost: 0.5, isWish: true },
    { what: 'creates, p99 at c16', value: ratio('create c16', 'p99Millis'), unit: 'x', atMost: 0.8, isWish: true },
    { what: 'gets, p99 at c16', value: ratio('get c16', 'p99Millis'), unit: 'x', atMost: 0.8, isWish: true },
    { what: 'idle memory of the plane', value: idleMegabytes, unit: ' MB', atMost: 150 },
    { what: 'npm start to the first answer', value: startMillis, unit: ' ms', atMost: 1_500 },
  ];
  print(`\nplane : FastAPI, which is in memory${' '.repeat(17)}is        goal`);
  const missed = goals.filter((goal) => !printGoal(goal) && !goal.isWish).length;
  print(`        of which the plane's own process takes${`${Math.round(ownStartMillis)} ms`.padStart(15)}`);
  const promised = goals.filter(({ isWish }) => !isWish).length;
  print(missed === 0 ? '\nPASS: every goal is met' : `\nMISS: ${missed} of ${promised} goals are not met on this machine today`);
}

/** @returns whether it is met; what could not be measured is not */
function printGoal({
  what,
  value,
  unit,
  atLeast = Number.NEGATIVE_INFINITY,
  atMost = Number.POSITIVE_INFINITY,
  isWish = false,
}: Goal): boolean {
  const met = value !== null && value >= atLeast && value <= atMost;
  const goal = Number.isFinite(atLeast) ? `>= ${atLeast}${unit}` : `<= ${atMost}${unit}`;
  const is = value === null ? 'not measured' : `${unit === 'x' ? value.toFixed(2) : Math.round(value)}${unit}`;
  const word = isWish ? (met ? 'wish, had ' : 'wish, open') : met ? 'PASS      ' : 'MISS      ';
  print(`  ${word}  ${what.padEnd(38)}${is.padStart(12)}   ${goal}`);
  return met;
}
