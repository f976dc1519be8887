/** What would become of an order: the same rules as of one that starts a run, and nothing is stored or started. */
import { type Failure, type FailureCode, makeFailure } from '#domain/failures.ts';
import { checkRows, type RowFormat } from '#domain/rows.ts';
import { mergeChoices } from '#domain/run-choices.ts';
import type { RunPlan } from '#domain/run-request.ts';
import { STORED_DATASET } from '#domain/run-request.ts';
import type { Dataset, Training } from '#domain/training.ts';
import type { Ports } from '#ports/ports.ts';
import { pinDataset } from './advance/prepare-run.ts';
import { planOrder, type RunOrder } from './order-run.ts';
import { findStored } from './stored-rows.ts';

/** As much is read of each file: what is larger is counted and checked by the trainer, before it trains. */
const CHECKED_BYTES = 4 * 1_048_576;
const BAD_ROWS: FailureCode = 'data_row_invalid';

type DataFile = Extract<Dataset, { kind: 'files' }>['files'][number];

export interface PreviewedData {
  readonly files: readonly DataFile[];
  /** null: too large to be counted here, or of a kind that only the trainer reads */
  readonly rows: number | null;
  readonly format: RowFormat | null;
}

export interface Preview {
  readonly plan: RunPlan;
  readonly provider: string;
  readonly outputDir: string | null;
  /** null: it comes from the hub, or is not there */
  readonly data: PreviewedData | null;
  /** what a run of this order would fail with before it trains, as far as can be seen now */
  readonly failure: Failure | null;
}

/** @throws InvalidRequest with all that is wrong */
export async function previewOrder(ports: Ports, order: Pick<RunOrder, 'asked' | 'at' | 'problems' | 'outputDir'>): Promise<Preview> {
  const plan = await planOrder(ports, order);
  const { training, compute } = plan;
  const [data, baseFailure] = await Promise.all([previewData(ports, training.dataset), findBaseFailure(ports, training)]);
  const provider = order.asked.provider ?? ports.settings.provider;
  const found = data && 'data' in data ? data.data : null;
  const dataset = training.dataset.kind === 'files' && found ? { ...training.dataset, files: [...found.files] } : training.dataset;
  const rented = ports.compute.of(provider).plan?.({ training: { ...training, dataset }, compute, resumedFrom: null }) ?? [];
  return {
    plan: { ...plan, choices: mergeChoices(plan.choices, rented) },
    provider,
    outputDir: order.outputDir,
    data: found,
    failure: data && 'failure' in data ? data.failure : baseFailure,
  };
}

async function findBaseFailure(ports: Ports, { baseModel }: Training): Promise<Failure | null> {
  if (baseModel.kind !== 'path') return null;
  const found = await ports.inputs.locateModel(baseModel.path);
  return 'failure' in found ? makeFailure(found.failure.code, found.failure.message) : null;
}

async function previewData(ports: Ports, dataset: Dataset): Promise<{ data: PreviewedData } | { failure: Failure } | null> {
  if (dataset.kind === 'hub') return null;
  const pinned = await pinDataset(ports, dataset);
  if ('failure' in pinned) return { failure: makeFailure(pinned.failure.code, pinned.failure.message) };
  const files = pinned.dataset.kind === 'files' ? pinned.dataset.files : [];
  const name = STORED_DATASET.exec(dataset.uri)?.[1];
  const stored = name === undefined ? null : await findStored(ports, 'dataset', name);
  if (stored) return { data: { files, rows: stored.rows, format: stored.format } }; // checked when it was stored
  const counts = await Promise.all(files.filter(({ split }) => split === 'train').map((file) => countRows(ports, file)));
  const bad = counts.find((count) => count !== null && 'problem' in count);
  if (bad && 'problem' in bad) return { failure: makeFailure(BAD_ROWS, bad.problem) };
  const known = counts.filter((count) => count !== null && 'rows' in count);
  const isWhole = known.length === counts.length;
  return { data: { files, rows: isWhole ? known.reduce((sum, { rows }) => sum + rows, 0) : null, format: known[0]?.format ?? null } };
}

/** @returns null where it cannot be told here */
async function countRows(
  ports: Ports,
  { path, location, sizeBytes }: DataFile,
): Promise<{ rows: number; format: RowFormat | null } | { problem: string } | null> {
  if (!/\.jsonl$/i.test(path) || sizeBytes > CHECKED_BYTES) return null;
  const read = await ports.inputs.readText(location, CHECKED_BYTES);
  if ('problem' in read) return null;
  const { rows, format, problems } = checkRows(read.text);
  if (problems.length === 0) return { rows: rows.length, format };
  return { problem: `${path}: ${problems.map((problem) => `${problem.path} ${problem.message}`.trim()).join('; ')}` };
}
