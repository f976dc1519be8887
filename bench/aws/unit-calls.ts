/** What each thing that happens to a run asks of AWS, counted once each in the emulator: the same workers, bound as the functions bind them. */
import type { DynamoDBStreamEvent, SQSEvent } from 'aws-lambda';
import { bindAdvanceRun } from '#aws/bind/advance-run.ts';
import { bindNudges } from '#aws/bind/nudges.ts';
import { bindStream } from '#aws/bind/stream.ts';
import { bindSweeper } from '#aws/bind/sweeper.ts';
import { eventSort, runPartition } from '#aws/table/table-keys.ts';
import { attemptName } from '#domain/run-folder.ts';
import { createRun } from '#operations/create-run.ts';
import type { Round } from '#workers/round.ts';
import { aComputeNeed, aTraining } from '../../test/support/builders.ts';
import type { AwsCall } from './counting-proxy.ts';
import type { EmulatedPlane } from './emulated-plane.ts';

export interface UnitCalls {
  readonly create: readonly AwsCall[];
  /** from the first round to the one that waits for the trainer */
  readonly launch: readonly AwsCall[];
  /** a report that says nothing but where training is */
  readonly report: readonly AwsCall[];
  /** a look of the clock while nothing happened */
  readonly round: readonly AwsCall[];
  /** a report of one more checkpoint, where another one goes for it */
  readonly checkpoint: readonly AwsCall[];
  /** the manifest, to the last round of the execution */
  readonly end: readonly AwsCall[];
  /** one change of a run with its events, on their way out; nobody follows */
  readonly published: readonly AwsCall[];
  /** the sweep of a minute with all well: of the stage, not of a run */
  readonly sweep: readonly AwsCall[];
}

/** The newest two, the best and one that goes. */
const CHECKPOINTS_BEFORE = 4;

export async function countUnitCalls(world: EmulatedPlane): Promise<UnitCalls> {
  const { ports } = world.plane;
  const [advance, nudge, publish, sweep] = [bindAdvanceRun(), bindNudges(), bindStream(), bindSweeper()];
  await world.place('rows.jsonl', '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20));
  let runId = '';
  const create = await world.count(async () => {
    const plan = {
      training: aTraining({ dataset: { kind: 'files', uri: `s3://${world.bucket}/rows.jsonl`, files: [] } }),
      compute: aComputeNeed(),
      maxRuntimeSeconds: 1_209_600,
      choices: [],
    };
    const request = { config: { base_model: 'tiny-llama', dataset_name: `s3://${world.bucket}/rows.jsonl` } };
    const { run } = await createRun(ports, {
      api: 'sft',
      plan,
      request,
      name: 'bench',
      projectId: 'proj_default',
      provider: null,
      outputDir: null,
      submit: true,
    });
    runId = run.id;
  });
  const rounds = async (from: unknown): Promise<Round> => {
    let round = await advance(from);
    while (round.waitSeconds === 0 && round.phase !== 'done') round = await advance(round);
    return round;
  };
  let round: Round | null = null;
  const launch = await world.count(async () => {
    round = await rounds({ runId, generation: 1 });
  });
  await world.noteJob(runId, 'RUNNING');
  const trainer = world.trainer(runId);
  await trainer.claim();
  const key = `runs/${runId}/framework%3Dhf/attempts/${attemptName(runId, 1)}/progress.json`;
  const notification = JSON.stringify({ Records: [{ s3: { object: { key } } }] });
  const ring = async (): Promise<void> => {
    const { batchItemFailures } = await nudge({ Records: [{ messageId: 'm', body: notification }] } as unknown as SQSEvent);
    if (batchItemFailures.length > 0) throw new Error(`a look at run ${runId} failed`);
  };
  const metrics = { loss: 1.234_567, grad_norm: 0.56, learning_rate: 0.000_2, accuracy: 0.71, gpu_utilization: 0.93, throughput: 12_345.6 };
  let step = 0;
  let checkpoints = 0;
  const report = async (): Promise<void> => {
    step += 10;
    const counts = { logLines: step, metricRows: step, checkpoints, samples: 0 };
    const controlVersion = (await ports.runs.get(runId))?.run.controlVersion ?? 0; // the trainer repeats what it has heard
    await trainer.report('training', { step, steps: 100_000, metrics, epoch: 0.1, etaSeconds: 1_000, counts, controlVersion });
  };
  const save = (): Promise<void> => {
    checkpoints += 1;
    return trainer.checkpoint(step + 1, { evalLoss: 1 / checkpoints });
  };
  await report();
  await ring();
  for (let index = 0; index < CHECKPOINTS_BEFORE; index++) {
    await save();
    await report();
    await ring();
  }

  await report();
  const reported = await world.count(ring);
  const looked = await world.count(async () => {
    round = await advance(round);
  });
  await save();
  await report();
  const checkpoint = await world.count(ring);
  await trainer.finish('completed');
  await world.noteJob(runId, 'SUCCEEDED');
  const end = await world.count(async () => {
    await ring();
    await rounds(round);
  });
  const view = await ports.runs.get(runId);
  if (view?.run.state !== 'completed') throw new Error(`the run ended as ${view?.run.state}: ${view?.run.failure?.message}`);

  await publish(toRecord(runId, 1)); // all that waited until now
  const { run } = view;
  await ports.runs.change({ ...run, version: run.version + 1 }, run.version, [
    { ...aChange(run.id), sequence: run.version + 1, state: run.state, timestamp: new Date().toISOString() },
  ]);
  const published = await world.count(() => publish(toRecord(runId, run.version + 1)));
  await sweep();
  return { create, launch, report: reported, round: looked, checkpoint, end, published, sweep: await world.count(sweep) };
}

const aChange = (runId: string) => ({
  runId,
  type: 'checkpoint-saved' as const,
  attempt: 1,
  code: null,
  message: 'step-000100 saved',
  data: {
    checkpoint: 'step-000100',
    folder: 'step-000100',
    step: 100,
    attempt: 1,
    evalLoss: null,
    sizeBytes: 1,
    reason: 'interval',
    createdAt: '',
  },
});

const toRecord = (runId: string, sequence: number): DynamoDBStreamEvent =>
  ({
    Records: [
      {
        eventName: 'INSERT',
        dynamodb: { SequenceNumber: '1', Keys: { pk: { S: runPartition(runId) }, sk: { S: eventSort(sequence) } } },
      },
    ],
  }) as DynamoDBStreamEvent;
