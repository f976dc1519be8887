/** Whose file is it: the one that lies here, the one that the plane sees at the same path, or one that has to be stored first. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Plan } from '../../cli/plane/sft.ts';
import { findData } from '../../cli/train/find-data.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

let folder: { path: string; remove: () => Promise<void> };
beforeEach(async () => {
  folder = await makeTemporaryFolder();
});
afterEach(() => folder.remove());

const ROWS = '{"text": "one"}\n';
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const put = (name: string, text: string): string => {
  writeFileSync(join(folder.path, name), text);
  return join(folder.path, name);
};

/** A plane that sees these files: what lies there, by the path that is asked for. */
function planeThatSees(files: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const planWith = async (dataset: string): Promise<Plan> => {
    asked.push(dataset);
    const text = files[dataset];
    const data =
      text === undefined
        ? null
        : { files: [{ path: dataset, size_bytes: text.length, sha256: hashOf(text), split: 'train' as const }], rows: 1, format: 'text' };
    const failure = data
      ? null
      : { code: 'dataset_not_found' as const, message: `'${dataset}' is not there`, remedy: 'look', evidence: [] };
    return {
      base_model: 'tiny-llama',
      dataset,
      dataset_format: null,
      method: 'sft',
      peft_method: 'lora',
      provider: 'local',
      compute: {
        node_count: 1,
        gpus_per_node: null,
        gpu_type: null,
        gpu_memory_gb: null,
        region: null,
        spot: false,
        max_usd_per_hour: null,
      },
      max_runtime_seconds: 60,
      export: ['adapter'],
      output_dir: null,
      parameters: {},
      choices: [],
      env: [],
      secrets: {},
      data,
      failure,
    };
  };
  return { asked, planWith };
}

test('the same bytes at the same path are read where they are', async () => {
  const path = put('rows.jsonl', ROWS);

  const found = await findData('rows.jsonl', folder.path, planeThatSees({ [path]: ROWS }).planWith);

  expect(found).toMatchObject({ name: path, upload: null });
});

test.each([
  ['of another size', `${ROWS}${ROWS}`],
  ['of the same size', '{"text": "two"}\n'],
])('another file %s at the same path is not taken for this one', async (_, there) => {
  const path = put('rows.jsonl', ROWS);

  const found = await findData('rows.jsonl', folder.path, planeThatSees({ [path]: there }).planWith);

  expect(found.upload).toMatchObject({ path, rows: 1, sha256: hashOf(ROWS) });
  expect(found.name).toBe(`dataset:rows-${hashOf(ROWS).slice(0, 12)}`);
  expect(found.plan).toMatchObject({ failure: null, data: { rows: 1, files: [{ sha256: hashOf(ROWS) }] } });
});

test('what was stored by an earlier command is not stored again', async () => {
  put('rows.jsonl', ROWS);
  const name = `dataset:rows-${hashOf(ROWS).slice(0, 12)}`;

  expect(await findData('rows.jsonl', folder.path, planeThatSees({ [name]: ROWS }).planWith)).toMatchObject({ name, upload: null });
});

test('Parquet and folders are read where they are, or not at all', async () => {
  const parquet = put('rows.parquet', 'PAR1');
  mkdirSync(join(folder.path, 'data'));
  const sees = planeThatSees({ [parquet]: 'PAR1', [`${join(folder.path, 'data')}/`]: ROWS });

  expect(await findData('rows.parquet', folder.path, sees.planWith)).toMatchObject({ name: parquet, upload: null });
  expect(await findData('data', folder.path, sees.planWith)).toMatchObject({ name: `${join(folder.path, 'data')}/`, upload: null });
  await expect(findData('rows.parquet', folder.path, planeThatSees({}).planWith)).rejects.toThrow(
    'is Parquet, and a plane stores JSON Lines',
  );
  await expect(findData('data', folder.path, planeThatSees({}).planWith)).rejects.toThrow('is no file: only files can be stored');
});

test('a JSON array is stored as lines; JSON that is no array of rows is told', async () => {
  put('rows.json', '[{"text": "one"}, {"text": "two"}]');
  put('object.json', '{"text": "one", "more": {}}');
  const lines = '{"text":"one"}\n{"text":"two"}\n';

  const found = await findData('rows.json', folder.path, planeThatSees({}).planWith);

  expect(found.upload).toMatchObject({ rows: 2, sha256: hashOf(lines), sizeBytes: lines.length });
  await expect(findData('object.json', folder.path, planeThatSees({}).planWith)).rejects.toThrow('must hold a JSON array of rows');
});

test("what is nowhere is the plane's to find, and told with both places", async () => {
  const { asked, planWith } = planeThatSees({});

  const found = await findData('tatsu-lab/alpaca', folder.path, planWith);

  expect(asked).toEqual(['tatsu-lab/alpaca']);
  expect(found.plan.failure?.message).toBe(`'tatsu-lab/alpaca' is not there; nor is it here, at ${join(folder.path, 'tatsu-lab/alpaca')}`);
});

test.each(['dataset:poems', 's3://bucket/rows.jsonl', 'session:s-1'])('%s is never looked for here', async (name) => {
  const { asked, planWith } = planeThatSees({ [name]: ROWS });

  expect(await findData(name, folder.path, planWith)).toMatchObject({ name, upload: null });
  expect(asked).toEqual([name]);
});
