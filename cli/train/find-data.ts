/**
 * Where the training data are. What is named may lie here, and the plane may or may not see the same file: the plane is asked what it finds at that path, and
 * only the same bytes are the same file. What it cannot reach is stored there as a dataset, under a name that is the content's own.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { describeLocalFile, type LocalFile, nameOf } from '../data/local-file.ts';
import { CommandFailure } from '../exit-code.ts';
import type { Plan } from '../plane/sft.ts';

export interface FoundData {
  /** as a request names them */
  readonly name: string;
  readonly plan: Plan;
  /** to be stored under that name first; null: the plane has them */
  readonly upload: LocalFile | null;
}

const NAMED_ELSEWHERE = /^(dataset|session|trajectory):|^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * @param given a path relative to `folder`, or a name that the plane understands
 * @param planWith what a run on that dataset would be
 * @throws CommandFailure for a folder or a Parquet file that the plane cannot reach; whatever `planWith` throws
 */
export async function findData(given: string, folder: string, planWith: (dataset: string) => Promise<Plan>): Promise<FoundData> {
  if (NAMED_ELSEWHERE.test(given)) return { name: given, plan: await planWith(given), upload: null };
  const path = resolve(folder, given);
  const found = await stat(path).catch(() => null);
  if (found === null) return { name: given, plan: withPlace(await planWith(given), path), upload: null };
  const name = found.isDirectory() ? `${path}/` : path;
  const plan = await planWith(name);
  if (plan.data && (found.isDirectory() || (await isSameFile(plan, path, found.size)))) return { name, plan, upload: null };
  const file = await describeLocalFile(path);
  if (file === null) throw new CommandFailure('dataset_not_found', `${path} went away while it was looked at`);
  return planUpload(file, planWith);
}

/** A file that is nowhere is told with both places that were looked at. */
function withPlace(plan: Plan, path: string): Plan {
  if (plan.failure?.code !== 'dataset_not_found') return plan;
  return { ...plan, failure: { ...plan.failure, message: `${plan.failure.message}; nor is it here, at ${path}` } };
}

async function isSameFile({ data }: Plan, path: string, sizeBytes: number): Promise<boolean> {
  const [there] = data?.files ?? [];
  if (there === undefined || there.size_bytes !== sizeBytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex') === there.sha256;
}

async function planUpload(file: LocalFile, planWith: (dataset: string) => Promise<Plan>): Promise<FoundData> {
  const name = `dataset:${nameOf(file)}`;
  const plan = await planWith(name);
  if (plan.data?.files[0]?.sha256 === file.sha256) return { name, plan, upload: null }; // stored by an earlier command
  const { path, sizeBytes, sha256, rows } = file;
  const files = [{ path: basename(path), size_bytes: sizeBytes, sha256, split: 'train' as const }];
  const failure = plan.failure?.code === 'dataset_not_found' ? null : plan.failure; // it is not stored yet
  return { name, plan: { ...plan, data: { files, rows, format: plan.dataset_format }, failure }, upload: file };
}
