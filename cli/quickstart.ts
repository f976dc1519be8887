/** `npm run quickstart`: the plane, one real fine-tuning through its SFT API, and what the model learned. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import colors from 'picocolors';
import * as z from 'zod';
import { readEnvironment } from '../lambdas/local/environment.ts';
import { startPlane } from '../lambdas/local/plane.ts';
import { describeDuration, ProgressDisplay } from './progress-display.ts';
import { type JobDetail, SftClient } from './sft-client.ts';
import { closePlane, describePlane, untilSignal } from './start.ts';

const REPOSITORY = join(import.meta.dirname, '..');
const LOOK_MILLIS = 400;
const FINAL = new Set(['completed', 'failed', 'stopped']);

const heldOutSchema = z.object({ instruction: z.string(), input: z.string(), output: z.string() });
type HeldOut = z.infer<typeof heldOutSchema>;

/** Figures and reasons for these numbers: docs/tiny-task.md. */
const CONFIG = {
  base_model: 'tiny-llama',
  dataset_name: 'examples/alpaca.jsonl',
  dataset_format: 'alpaca',
  max_steps: 300,
  batch_size: 8,
  learning_rate: 3e-3,
  lora_r: 16,
  lora_alpha: 32,
  max_seq_length: 128,
  eval_steps: 50,
  save_steps: 100,
  output_dir: './outputs/quickstart',
};

export async function quickstart(args: readonly string[]): Promise<number> {
  const unknown = args.filter((arg) => arg !== '--exit');
  if (unknown.length > 0) throw new Error(`unknown option '${unknown[0]}': npm run quickstart [-- --exit]`);
  const stay = !args.includes('--exit') && process.stdout.isTTY === true;
  // The examples are named relative to the repository, wherever this was started.
  const environment = readEnvironment({ TUNEPLANE_DATA_ROOT: REPOSITORY, ...process.env }, process.cwd());
  const interrupted = untilSignal().then(() => 'interrupted' as const);
  const plane = await startPlane(environment);
  console.log(describePlane(plane));

  const outcome = await Promise.race([train(new SftClient(plane.url, environment.token), plane.url), interrupted]);
  if (outcome !== 'interrupted' && stay) {
    console.log(`\nThe plane stays up on ${plane.url} until Ctrl-C.`);
    await interrupted;
  }
  await closePlane(plane);
  return outcome === 'interrupted' ? 130 : outcome;
}

async function train(client: SftClient, url: string): Promise<number> {
  const heldOut = readHeldOut();
  const began = Date.now();
  const id = await client.startJob({ ...CONFIG, sample_prompts: heldOut.map(({ instruction }) => instruction) });
  console.log(`\nPOST /api/sft/train -> ${colors.bold(id)}`);
  console.log(colors.dim(`curl ${url}/api/sft/jobs/${id}\n`));
  const job = await follow(client, id, heldOut);
  if (job.status !== 'completed') {
    console.error(describeFailure(job));
    return 1;
  }
  console.log(describeResult(job, heldOut, (Date.now() - began) / 1_000));
  return 0;
}

async function follow(client: SftClient, id: string, heldOut: readonly HeldOut[]): Promise<JobDetail> {
  const display = new ProgressDisplay(process.stdout);
  let sampledAt = -1;
  for (;;) {
    const job = await client.getJob(id);
    if (job.samples && job.samples.step > sampledAt) {
      sampledAt = job.samples.step;
      const sample = job.samples.items[0];
      if (sample)
        display.print(
          `${colors.dim(`step ${String(sampledAt).padStart(3)}`)}  ${sample.prompt} ${colors.dim('->')} ${sample.tuned ?? sample.base}  ${colors.dim(describeScore(job, heldOut))}`,
        );
    }
    if (FINAL.has(job.status)) {
      display.end();
      return job;
    }
    display.show(job);
    await delay(LOOK_MILLIS);
  }
}

function readHeldOut(): HeldOut[] {
  const text = readFileSync(join(REPOSITORY, 'examples', 'heldout.jsonl'), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [heldOutSchema.parse(JSON.parse(line))]));
}

const countExact = (answers: readonly (string | null)[], heldOut: readonly HeldOut[], from: number, to: number): number =>
  heldOut.slice(from, to).filter(({ output }, index) => answers[from + index] === output).length;

/** The first half of examples/heldout.jsonl holds new pairs of known words, the second half words that the data never had. */
function describeScore({ samples }: JobDetail, heldOut: readonly HeldOut[]): string {
  const tuned = (samples?.items ?? []).map((item) => item.tuned ?? item.base);
  return `${countExact(tuned, heldOut, 0, heldOut.length)}/${heldOut.length} exact`;
}

function describeResult(job: JobDetail, heldOut: readonly HeldOut[], seconds: number): string {
  const { result, samples } = job;
  const items = samples?.items ?? [];
  const half = heldOut.length / 2;
  const bases = items.map(({ base }) => base);
  const tuned = items.map((item) => item.tuned);
  const answers = items.flatMap((item, index) => [
    `  ${item.prompt}`,
    `    base   ${colors.dim(item.base)}`,
    `    tuned  ${item.tuned === heldOut[index]?.output ? colors.green(item.tuned ?? '') : colors.yellow(`${item.tuned}   (wanted ${heldOut[index]?.output})`)}`,
  ]);
  return [
    '\nHeld-out requests, answered by the base and by the tuned model:\n',
    ...answers,
    `\n  exact answers                        base   tuned`,
    `  new pairs of known words            ${`${countExact(bases, heldOut, 0, half)}/${half}`.padStart(5)}   ${countExact(tuned, heldOut, 0, half)}/${half}`,
    `  words the data never had            ${`${countExact(bases, heldOut, half, 2 * half)}/${half}`.padStart(5)}   ${countExact(tuned, heldOut, half, 2 * half)}/${half}`,
    `\n  train loss  ${result?.train_loss?.toPrecision(4)} (mean over the run)    eval loss  ${result?.eval_loss?.toPrecision(4)}`,
    `  adapter     ${result?.adapter_path}`,
    `  SHA-256     ${result?.sha256}`,
    `  time        ${describeDuration(seconds)} from request to adapter`,
    `\nAsk it something:  npm run ask -- ${job.job_id} "Turn off the router in the porch."`,
  ].join('\n');
}

function describeFailure({ job_id, status, failure, stop_detail }: JobDetail): string {
  if (failure === null) return `\n${job_id} is ${status}: ${stop_detail?.message ?? 'no reason was kept'}`;
  return [
    `\n${colors.red(job_id)} failed: ${failure.code}`,
    `  ${failure.message}`,
    `  remedy: ${failure.remedy}`,
    ...failure.evidence.slice(-12).map((line) => colors.dim(`  | ${line}`)),
  ].join('\n');
}
