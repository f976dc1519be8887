/**
 * What `npm run bench:aws` counts in the emulator, held in every test run: what a route asks of AWS, what a day costs, how often AWS Batch is
 * asked. What the supervisor puts is counted by the bench alone, since it takes a minute of training; here stands the most that it may be.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countBatchCalls } from '../../bench/aws/batch-calls.ts';
import { type AwsCall, describeCalls } from '../../bench/aws/counting-proxy.ts';
import { type EmulatedPlane, openEmulatedPlane } from '../../bench/aws/emulated-plane.ts';
import { countRouteCalls, type RouteFigures } from '../../bench/aws/route-calls.ts';
import { costOfRun, totalOf } from '../../bench/aws/run-costs.ts';
import { simulateRun } from '../../bench/aws/run-figures.ts';
import { countUnitCalls, type UnitCalls } from '../../bench/aws/unit-calls.ts';
import { clientOptions } from '../support/aws-clients.ts';

const DAY = 86_400;
/** A report is its log and itself, curves are their rows and the overview; the files of a LoRA checkpoint are told in the bench. */
const TRAINER = { putsPerReport: 2, putsPerCurve: 2, putsPerCheckpoint: 12 };
/** Deleting a run takes most: its record and outbox, its lists, its files. */
const MOST_CALLS = 12;

let world: EmulatedPlane;
let units: UnitCalls;
let routes: readonly RouteFigures[];

beforeAll(async () => {
  const before = { ...process.env };
  world = await openEmulatedPlane(clientOptions().endpoint);
  units = await countUnitCalls(world);
  routes = await countRouteCalls(world);
  return () => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  };
});
afterAll(async () => {
  await world.close();
});

const callsOf = (route: string): string => describeCalls(routes.find((one) => one.route === route)?.calls ?? []);

test('a run of a day costs at most 6 cents', async () => {
  expect(totalOf(costOfRun(await simulateRun(DAY), units, TRAINER))).toBeLessThanOrEqual(0.06);
});

test('every API reads a run by one GetItem, and the one that knows names by two', () => {
  const reads = [
    'GET /jobs/{job_id}',
    'GET /api/training/jobs/{job_id}/status',
    'GET /api/sft/jobs/{job_id}',
    'GET /runs/{run_id}',
    'GET /train/{job_name}',
    'GET /projects/{project_id}/runs/{run_id}',
  ];

  expect(reads.map(callsOf)).toEqual(['GetItem', 'GetItem', 'GetItem', 'GetItem', 'GetItem 2', 'GetItem 2']);
});

test('a run is created by one transaction, and then its workflow is started', () => {
  expect(callsOf('POST /api/sft/train')).toBe('TransactWriteItems, StartExecution');
  expect(callsOf('POST /api/training/jobs')).toBe('TransactWriteItems');
});

test('no route scans, and none asks AWS more than a dozen times', () => {
  expect(routes.length).toBeGreaterThan(60);
  for (const { route, calls } of routes) {
    expect(
      calls.map(({ operation }) => operation),
      route,
    ).not.toContain('Scan');
    expect(calls.length, `${route}: ${describeCalls(calls)}`).toBeLessThanOrEqual(MOST_CALLS);
  }
});

test('with all well a sweep reads a few partitions and writes nothing', () => {
  const isRead = ({ operation }: AwsCall): boolean => ['Query', 'GetItem'].includes(operation);

  expect(units.sweep.filter((call) => !isRead(call))).toEqual([]);
  expect(units.sweep.length).toBeLessThan(40);
});

test.each([10, 1_000])('AWS Batch is asked once a minute for each hundred of %i live runs', async (live) => {
  expect(await countBatchCalls(world, live)).toHaveLength(Math.ceil(live / 100));
});
