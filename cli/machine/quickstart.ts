/** The plane, one real fine-tuning through its SFT API, and what the model learned. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { isFinal } from '#domain/run-lifecycle.ts';
import { readEnvironment } from '../../lambdas/local/environment.ts';
import { exitCodeOf, Interrupted } from '../exit-code.ts';
import { ProgressDisplay } from '../follow/progress-display.ts';
import { WakeableSleep } from '../follow/wakeable-sleep.ts';
import { PlaneClient } from '../plane/plane-client.ts';
import { getRun, type RunDetail } from '../plane/runs.ts';
import { startRun } from '../plane/sft.ts';
import type { Colors, Session } from '../session.ts';
import { describeFailure } from '../text/run-words.ts';
import { describeDuration } from '../text/words.ts';
import { untilInterrupted } from '../world.ts';
import { REPOSITORY } from './repository.ts';
import { closePlane, describePlane, openPlane } from './start-plane.ts';

const LOOK_MILLIS = 400;

const heldOutSchema = z.object({ instruction: z.string(), input: z.string(), output: z.string() });
type HeldOut = z.infer<typeof heldOutSchema>;

/** What teaches tiny-llama the examples in a minute on two cores. */
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

/** @param isToExit when it is done; else the plane stays up, where somebody sits at a terminal */
export async function quickstart(session: Session, isToExit: boolean): Promise<void> {
  const { world } = session;
  const stay = !isToExit && world.output.isTTY === true && !session.isJson;
  // The examples are named relative to the repository, wherever this was started.
  const variables = { TUNEPLANE_DATA_ROOT: REPOSITORY, ...world.variables };
  const { token } = readEnvironment(variables, world.workingFolder);
  const plane = await openPlane(variables, world);
  const say = (text: string): void => (session.isJson ? session.note(text) : void world.output.write(`${text}\n`));
  try {
    say(describePlane(plane));
    const client = new PlaneClient({
      connection: { url: plane.url, token: token === null ? null : { value: token, source: 'TRAINER_API_TOKEN' }, remedy: '' },
      interrupted: world.interrupted,
      notice: say,
      trace: () => {},
    });
    await train(session, client, say);
    if (stay) say(`\nThe plane stays up on ${plane.url} until Ctrl-C.`);
    if (stay) await untilInterrupted(world);
  } finally {
    await closePlane(plane, session);
  }
}

async function train(session: Session, client: PlaneClient, say: (text: string) => void): Promise<void> {
  const { colors } = session;
  const heldOut = readHeldOut();
  const began = Date.now();
  const id = await startRun(client, { ...CONFIG, sample_prompts: heldOut.map(({ instruction }) => instruction) });
  say(`\nPOST /api/sft/train -> ${colors.bold(id)}`);
  say(colors.dim(`curl ${client.url}/api/sft/jobs/${id}\n`));
  const run = await follow(session, client, id, heldOut);
  session.exitCode = exitCodeOf(run.state);
  if (run.state === 'completed') session.print('quickstart', run, () => describeResult(run, heldOut, (Date.now() - began) / 1_000, colors));
  else
    session.note(
      `\n${run.state === 'failed' ? describeFailure(run, colors) : `${id} is ${run.state}: ${run.stop_detail?.message ?? 'no reason was kept'}`}`,
    );
}

async function follow(session: Session, client: PlaneClient, id: string, heldOut: readonly HeldOut[]): Promise<RunDetail> {
  const { colors, world } = session;
  const display = new ProgressDisplay(session.isJson ? world.errors : world.output, colors);
  const sleep = new WakeableSleep(world.interrupted);
  let sampledAt = -1;
  for (;;) {
    const run = await getRun(client, id);
    if (run.samples && run.samples.step > sampledAt) {
      sampledAt = run.samples.step;
      const sample = run.samples.items[0];
      if (sample)
        display.print(
          `${colors.dim(`step ${String(sampledAt).padStart(3)}`)}  ${sample.prompt} ${colors.dim('->')} ${sample.tuned ?? sample.base}  ${colors.dim(describeScore(run, heldOut))}`,
        );
    }
    if (isFinal(run.state)) {
      display.end();
      return run;
    }
    display.show(run);
    await sleep.for(LOOK_MILLIS);
    if (world.interrupted.aborted) {
      display.end();
      throw new Interrupted('');
    }
  }
}

function readHeldOut(): HeldOut[] {
  const text = readFileSync(join(REPOSITORY, 'examples', 'heldout.jsonl'), 'utf8');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [heldOutSchema.parse(JSON.parse(line))]));
}

const countExact = (answers: readonly (string | null)[], heldOut: readonly HeldOut[], from: number, to: number): number =>
  heldOut.slice(from, to).filter(({ output }, index) => answers[from + index] === output).length;

/** The first half of examples/heldout.jsonl holds new pairs of known words, the second half words that the data never had. */
function describeScore({ samples }: RunDetail, heldOut: readonly HeldOut[]): string {
  const tuned = (samples?.items ?? []).map((item) => item.tuned ?? item.base);
  return `${countExact(tuned, heldOut, 0, heldOut.length)}/${heldOut.length} exact`;
}

function describeResult({ id, result, samples }: RunDetail, heldOut: readonly HeldOut[], seconds: number, colors: Colors): string {
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
    `\n  train loss  ${result?.metrics['train_loss']?.toPrecision(4)} (mean over the run)    eval loss  ${result?.metrics['eval_loss']?.toPrecision(4)}`,
    `  adapter     ${result?.location}`,
    `  SHA-256     ${result?.sha256}`,
    `  time        ${describeDuration(seconds)} from request to adapter`,
    `\nAsk it something:  npm run ask -- ${id} "Turn off the router in the porch."`,
  ].join('\n');
}
