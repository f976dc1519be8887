/** What the real supervisor asks of S3 while a run trains, counted: it is the same one that a machine of AWS Batch runs. The engine under it is scripted. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { EMULATOR_VARIABLE } from '../../test/support/aws-clients.ts';
import { deployPlane } from '../../test/support/aws-plane/deploy-plane.ts';
import { type AwsCall, startCountingProxy } from './counting-proxy.ts';

export interface TrainerRequests {
  /** puts that a report takes, the report itself included */
  readonly putsPerReport: number;
  /** by kind of file */
  readonly puts: Readonly<Record<string, number>>;
  /** reads of control.json a second */
  readonly controlReadsPerSecond: number;
  /** of everything else, in the same time */
  readonly others: Readonly<Record<string, number>>;
  readonly reports: number;
  readonly seconds: number;
}

const stateSchema = z.object({ state: z.string() });
const REPORTS = 6;
const MOST_SECONDS = 120;

/** @param endpoint of the emulator, whose stop time for jobs is short */
export async function countTrainerRequests(endpoint: string): Promise<TrainerRequests> {
  process.env[EMULATOR_VARIABLE] = endpoint;
  const proxy = await startCountingProxy(endpoint);
  const plane = await deployPlane({ script: { stepSeconds: 0.5 }, jobEndpoint: proxy.endpoint });
  const stateOf = async (id: string): Promise<string> => stateSchema.parse(await (await plane.call('GET', `/runs/${id}`)).json()).state;
  try {
    await plane.place('rows.jsonl', '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20));
    const id = await plane.startRun({ max_steps: 100_000, save_steps: 100_000 });
    const calls: AwsCall[] = [];
    const isReport = ({ operation, path }: AwsCall): boolean => operation === 'PutObject' && path.includes('/progress.json');
    // From a report that comes by the clock, when the start is over, to another one.
    await until(async () => (await stateOf(id)) === 'running');
    await sleep(10_000);
    proxy.take();
    await until(async () => isAt(calls, proxy.take(), isReport, 1));
    const began = performance.now();
    calls.length = 0;
    await until(async () => isAt(calls, proxy.take(), isReport, REPORTS));
    const seconds = (performance.now() - began) / 1_000;
    await plane.call('POST', `/runs/${id}/stop`);
    await until(async () => (await stateOf(id)) === 'stopped');
    return toFigures(calls, calls.filter(isReport).length, seconds);
  } finally {
    await plane.close();
    await proxy.close();
  }
}

function isAt(calls: AwsCall[], fresh: readonly AwsCall[], isReport: (call: AwsCall) => boolean, count: number): boolean {
  for (const call of fresh) {
    if (calls.filter(isReport).length >= count) return true;
    calls.push(call);
  }
  return calls.filter(isReport).length >= count;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + MOST_SECONDS * 1_000; Date.now() < end; await sleep(20)) if (await isSo()) return;
  throw new Error(`not within ${MOST_SECONDS} s`);
}

const KINDS = ['progress.json', 'control.json', '/logs/', '-overview.json', '/metrics/', '/checkpoints/'];
const kindOf = ({ operation, path }: AwsCall): string =>
  `${operation} ${(KINDS.find((kind) => path.includes(kind)) ?? 'other').replaceAll('/', '').replace('-', '')}`;

function toFigures(calls: readonly AwsCall[], reports: number, seconds: number): TrainerRequests {
  const counts = Object.fromEntries([...Map.groupBy(calls, kindOf)].map(([kind, { length }]) => [kind, length]));
  const puts = Object.fromEntries(Object.entries(counts).filter(([kind]) => kind.startsWith('PutObject')));
  const control = counts['GetObject control.json'] ?? 0;
  const others = Object.fromEntries(Object.entries(counts).filter(([kind]) => !(kind in puts) && kind !== 'GetObject control.json'));
  return {
    puts,
    putsPerReport: Object.values(puts).reduce((sum, count) => sum + count, 0) / reports,
    controlReadsPerSecond: control / seconds,
    others,
    reports,
    seconds,
  };
}
