/** What every Inputs port promises. The AWS twin runs this file too. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Dataset } from '#domain/training.ts';
import type { Inputs } from '#ports/inputs.ts';
import { contractSuite, type Skips, type World } from '../support/contract-suite.ts';

export interface InputsWorld extends World {
  readonly inputs: Inputs;
  /** puts a file where users keep their data; replaces one that is there */
  place(path: string, content: string): Promise<void>;
  /** how a user names a path there: as it is locally, `s3://bucket/...` on AWS */
  name(path: string): string;
}

type Files = Extract<Dataset, { kind: 'files' }>;

const sha256 = (content: string): string => createHash('sha256').update(content).digest('hex');
const filesAt = (uri: string): Files => ({ kind: 'files', uri, files: [] });

async function pinned(inputs: Inputs, dataset: Dataset): Promise<Files> {
  const result = await inputs.pin(dataset);
  if (!('dataset' in result) || result.dataset.kind !== 'files') throw new Error(`not pinned: ${JSON.stringify(result)}`);
  return result.dataset;
}

const splitsOf = ({ files }: Files): string[] => files.map(({ path, split }) => `${path} ${split}`);

export function inputsContract(open: () => Promise<InputsWorld>, skips: Skips = {}): void {
  contractSuite('an inputs port', open, skips, {
    'pins a file with its size and SHA-256': async ({ inputs, place, name }) => {
      await place('data/poems.jsonl', '{"text":"ä"}\n');

      const dataset = await pinned(inputs, filesAt(name('data/poems.jsonl')));

      expect(dataset.uri).toBe(name('data/poems.jsonl'));
      expect(dataset.files).toEqual([
        {
          path: 'poems.jsonl',
          sizeBytes: 14,
          sha256: sha256('{"text":"ä"}\n'),
          location: expect.stringContaining('data/poems.jsonl'),
          split: 'train',
        },
      ]);
    },

    'reads a small text, and says why where it cannot': async ({ inputs, place, name }) => {
      await place('configs/run.yaml', 'lr: 0.001 # ä\n');

      expect(await inputs.readText(name('configs/run.yaml'), 1_000)).toEqual({ text: 'lr: 0.001 # ä\n' });
      expect(await inputs.readText(name('configs/run.yaml'), 4)).toEqual({ problem: expect.stringContaining('at most 4 bytes') });
      expect(await inputs.readText(name('configs/none.yaml'), 1_000)).toEqual({ problem: expect.stringContaining('none.yaml') });
      expect(await inputs.readText(name('configs/'), 1_000)).toEqual({ problem: expect.any(String) });
    },

    'pins the data files of a folder in name order, all for training where none is named so': async ({ inputs, place, name }) => {
      for (const file of ['b.json', 'a.parquet', 'c.jsonl', 'readme.md', '.hidden.jsonl', 'jsonl']) await place(`data/poems/${file}`, file);

      const dataset = await pinned(inputs, filesAt(name('data/poems/')));

      expect(splitsOf(dataset)).toEqual(['a.parquet train', 'b.json train', 'c.jsonl train']);
      expect(dataset.files.map((file) => file.sha256)).toEqual(['a.parquet', 'b.json', 'c.jsonl'].map(sha256));
    },

    'takes train*, eval* and validation* as splits and leaves the others': async ({ inputs, place, name }) => {
      for (const file of ['train-1.jsonl', 'train-2.jsonl', 'eval.jsonl', 'validation-1.jsonl', 'dataset_info.json'])
        await place(`data/${file}`, file);

      const dataset = await pinned(inputs, filesAt(name('data/')));

      expect(splitsOf(dataset)).toEqual(['eval.jsonl eval', 'train-1.jsonl train', 'train-2.jsonl train', 'validation-1.jsonl eval']);
    },

    'trains on what is not for evaluation where nothing is called train': async ({ inputs, place, name }) => {
      for (const file of ['poems.jsonl', 'eval.jsonl']) await place(`data/${file}`, file);

      expect(splitsOf(await pinned(inputs, filesAt(name('data/'))))).toEqual(['eval.jsonl eval', 'poems.jsonl train']);
    },

    'fails where nothing is there, naming what was asked for': async ({ inputs, name }) => {
      const uri = name('data/absent.jsonl');

      const result = await inputs.pin(filesAt(uri));

      expect(result).toEqual({ failure: { code: 'dataset_not_found', message: expect.stringContaining(uri) } });
    },

    'fails for a folder without data files, or with none to train on': async ({ inputs, place, name }) => {
      await place('notes/readme.md', 'x');
      await place('held-out/eval.jsonl', 'x');

      for (const uri of [name('notes/'), name('held-out/')]) {
        expect(await inputs.pin(filesAt(uri))).toEqual({ failure: { code: 'dataset_not_found', message: expect.stringContaining(uri) } });
      }
    },

    'pins what is pinned as it was': async ({ inputs, place, name }) => {
      await place('data/train.jsonl', 'rows');
      const first = await pinned(inputs, filesAt(name('data/')));
      await place('data/train-more.jsonl', 'more rows');

      expect(await pinned(inputs, first)).toEqual(first);
    },

    'fails where a pinned file has other bytes now, naming both hashes': async ({ inputs, place, name }) => {
      await place('data/train.jsonl', 'rows');
      const first = await pinned(inputs, filesAt(name('data/')));
      await place('data/train.jsonl', 'swor');

      const result = await inputs.pin(first);

      expect(result).toMatchObject({ failure: { code: 'data_changed', message: expect.stringMatching(/'train\.jsonl'/) } });
      for (const hash of [sha256('rows'), sha256('swor')])
        expect(result).toMatchObject({ failure: { message: expect.stringContaining(hash) } });
    },

    'leaves a data set of the hub to the trainer': async ({ inputs }) => {
      const dataset: Dataset = { kind: 'hub', id: 'tatsu-lab/alpaca', commit: null };

      expect(await inputs.pin(dataset)).toEqual({ dataset });
    },

    'finds a stored base model': async ({ inputs, place, name }) => {
      await place('models/tiny/config.json', '{}');

      const result = await inputs.locateModel(name('models/tiny'));

      expect(result).toEqual({ path: expect.stringContaining('models/tiny') });
    },

    'fails where no model is stored': async ({ inputs, name }) => {
      const path = name('models/absent');

      expect(await inputs.locateModel(path)).toEqual({ failure: { code: 'model_not_found', message: expect.stringContaining(path) } });
    },
  });
}
