/**
 * `npm run bench:aws`: what the AWS home asks of AWS, counted in the emulator and on a clock of its own, never timed, and what that costs by
 * list prices. Only two things are measured: the import of functions, beside a plain function that is bundled and loaded in the same way, and
 * `cdk synth` with all its checks.
 *
 *   --rounds 9         how often each function is loaded in a fresh process
 *   --only costs       one part: routes, costs, batch, bundles, synthesis
 *
 * Ends with 1 where a goal is missed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildLambdas, bundleEntries } from '../../bin/build-lambdas.ts';
import { synthesizeApp } from '../../test/cdk/synthesize-app.ts';
import { startEmulator } from '../../test/emulator/start-emulator.ts';
import { awsEnvironment } from '../../test/support/aws-environment.ts';
import { countBatchCalls } from './batch-calls.ts';
import { type BundleSize, measureBundles } from './bundles.ts';
import { measureColdImports } from './cold-import.ts';
import { type AwsCall, describeCalls } from './counting-proxy.ts';
import { openEmulatedPlane } from './emulated-plane.ts';
import { countRouteCalls } from './route-calls.ts';
import { costOfRun, totalOf } from './run-costs.ts';
import { simulateRun } from './run-figures.ts';
import { countTrainerRequests } from './trainer-requests.ts';
import { countUnitCalls } from './unit-calls.ts';

const PARTS = ['routes', 'costs', 'batch', 'bundles', 'synthesis'] as const;
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' }, only: { type: 'string' } } });
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 100)) throw new Error(`--rounds takes 1 to 100, got ${values.rounds}`);
if (values.only !== undefined && !PARTS.some((part) => part === values.only))
  throw new Error(`--only takes ${PARTS.join(', ')}, got ${values.only}`);
const wants = (part: (typeof PARTS)[number]): boolean => values.only === undefined || values.only === part;

const MINUTE = 60;
const DAY = 86_400;
/** README.md, adapter_config.json, adapter_model.safetensors, chat_template.jinja, optimizer.pt, rng_state.pth, scheduler.pt, tokenizer.json,
 * tokenizer_config.json, trainer_state.json, tuneplane.json, and the record. */
const PUTS_PER_CHECKPOINT = 12;

const missed: string[] = [];
const print = (line = ''): void => console.log(line);
const dollars = (amount: number): string => `$${amount.toFixed(amount < 0.1 ? 4 : 2)}`;

function hold(what: string, is: number, atMost: number, show: (value: number) => string = String): void {
  const met = is <= atMost;
  if (!met) missed.push(what);
  print(`  ${met ? 'PASS' : 'MISS'}  ${what.padEnd(58)}${show(is).padStart(10)}   <= ${show(atMost)}`);
}

const unitsOf = (calls: readonly AwsCall[]): readonly [number, number] => [
  calls.reduce((sum, { readUnits }) => sum + readUnits, 0),
  calls.reduce((sum, { writeUnits }) => sum + writeUnits, 0),
];

const emulator = await startEmulator();
try {
  // Its own environment first: the in-process plane sets this process's.
  const trainer = wants('costs') ? await countTrainerRequests(emulator.endpoint) : null;
  const world = await openEmulatedPlane(emulator.endpoint);
  try {
    if (trainer !== null) {
      const units = await countUnitCalls(world);
      print('what happens to a run, and what that asks of AWS (request units of DynamoDB behind it)');
      for (const [what, calls] of Object.entries(units)) {
        const [read, written] = unitsOf(calls);
        print(`  ${what.padEnd(12)}${describeCalls(calls)}   (${read} read, ${written} written)`);
      }
      const kinds = Object.entries(trainer.puts).map(([kind, count]) => `${kind} ${count}`);
      print(
        `  trainer     of ${trainer.reports} reports at 5 s: ${kinds.join(', ')}; control.json read ${trainer.controlReadsPerSecond.toFixed(2)} times a second`,
      );
      const perReport = (part: RegExp): number =>
        Object.entries(trainer.puts).reduce((sum, [kind, count]) => sum + (part.test(kind) ? count : 0), 0) / trainer.reports;
      const puts = {
        putsPerReport: perReport(/progress|logs/),
        putsPerCurve: perReport(/metrics|overview/),
        putsPerCheckpoint: PUTS_PER_CHECKPOINT,
      };
      print('\none run on AWS, reports at 5 s, then 30 s, after an hour 60 s; a checkpoint every 10 minutes; nobody follows');
      for (const [name, seconds] of [
        ['10 minutes', 10 * MINUTE],
        ['24 hours', DAY],
        ['14 days', 14 * DAY],
      ] as const) {
        const figures = await simulateRun(seconds);
        const cost = costOfRun(figures, units, puts);
        const { transitions, historyEvents, executions, rounds: looks, reports, checkpoints, events, publicEvents, controlReads } = figures;
        print(`  ${name}: ${dollars(totalOf(cost))}`);
        print(`    ${transitions} state transitions in ${executions} executions, at most ${historyEvents} events of history in one`);
        print(
          `    ${looks} looks of the clock, ${reports} reports, ${checkpoints} checkpoints, ${events} events, ${publicEvents} of them on the bus`,
        );
        print(`    control.json read ${controlReads} times`);
        print(
          `    ${Object.entries(cost)
            .map(([part, amount]) => `${part} ${dollars(amount)}`)
            .join(', ')}`,
        );
        hold(`events of history in one execution, ${name}`, historyEvents, 4_500);
        if (seconds !== DAY) continue;
        hold('a run of 24 hours', totalOf(cost), 0.06, dollars);
        hold('Step Functions, of a run of 24 hours', cost['Step Functions'], 0.012, dollars);
      }
      print();
    }
    if (wants('batch')) {
      print('calls of AWS Batch a minute for runs that are live; each attempt beside: SubmitJob 1, ListJobs 3, DescribeJobs 2');
      for (const live of [10, 1_000, 10_000]) {
        const calls = await countBatchCalls(world, live);
        print(`  ${String(live).padStart(6)} live runs: ${describeCalls(calls)}`);
        hold(`calls of Batch a minute, ${live} live runs`, calls.length, Math.ceil(live / 100));
      }
      print();
    }
    if (wants('routes')) {
      print('calls of AWS by route: one good request, tokens known from the one before');
      for (const { surface, route, status, calls } of await countRouteCalls(world))
        print(`  ${surface.padEnd(17)}${route.padEnd(72)}${status}   ${describeCalls(calls)}`);
      print();
    }
  } finally {
    await world.close();
  }
} finally {
  await emulator.stop();
}

if (wants('bundles')) await measureFunctions();
if (wants('synthesis')) await measureSynthesis();

/** Bundles, templates, CloudFormation's rules, AWS Solutions and Serverless, in a process of its own. */
async function measureSynthesis(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'tuneplane-synthesis-'));
  try {
    const before = performance.now();
    await synthesizeApp('dev', scratch);
    const seconds = (performance.now() - before) / 1_000;
    print(`\nsynthesis of a stage with every check (${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(2)})`);
    hold('seconds of a synthesis', seconds, 40, (value) => value.toFixed(1));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function measureFunctions(): Promise<void> {
  const root = join(import.meta.dirname, '..', '..');
  const scratch = mkdtempSync(join(tmpdir(), 'tuneplane-bundles-'));
  try {
    const folder = join(scratch, 'lambdas');
    const { names, metafile } = await buildLambdas(folder);
    const reference = await bundleEntries(
      [{ in: join(import.meta.dirname, 'reference.lambda.ts'), out: 'reference' }],
      join(scratch, 'reference'),
    );
    const sizes: BundleSize[] = [
      ...measureBundles(reference, ['reference'], root, join(scratch, 'reference')),
      ...measureBundles(metafile, names, root, folder),
    ];
    const files = Object.fromEntries([
      ['reference', join(scratch, 'reference', 'reference.mjs')],
      ...names.map((name) => [name, join(folder, `${name}.mjs`)]),
    ]);
    const environment = { ...awsEnvironment(), AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' };
    const millis = measureColdImports(files, environment, rounds);
    const least = millis['reference'] ?? Number.NaN;
    print(`functions: KB minified at the start, KB with all that is loaded by need, and the import of the start in processor time`);
    print(
      `(${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(2)}, Node ${process.versions.node}; least of ${rounds} rounds in turns)`,
    );
    for (const { name, startKilobytes, wholeKilobytes } of sizes) {
      const took = millis[name] ?? Number.NaN;
      print(
        `  ${name.padEnd(17)}${String(startKilobytes).padStart(5)} KB${String(wholeKilobytes).padStart(7)} KB${took.toFixed(1).padStart(8)} ms   ${(took / least).toFixed(2)} x reference`,
      );
    }
    const ours = sizes.filter(({ name }) => name !== 'reference');
    hold('KB of the largest function at its start', Math.max(...ours.map(({ startKilobytes }) => startKilobytes)), 500);
    hold('import of the slowest function, x reference', Math.max(...names.map((name) => (millis[name] ?? 0) / least)), 1.15, (value) =>
      value.toFixed(2),
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

print(missed.length === 0 ? '\nPASS: every goal is met' : `\nMISS: ${missed.join('; ')}`);
process.exitCode = missed.length === 0 ? 0 : 1;
