/** What every Artifacts store promises. The AWS twin runs this file too. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { StoredFile } from '#domain/training.ts';
import type { Artifacts } from '#ports/artifacts.ts';
import { contractSuite, eventually, type Skips, type World } from '../support/contract-suite.ts';

export interface ArtifactsWorld extends World {
  readonly artifacts: Artifacts;
  /** text of a file below what `publish` returned */
  readPublished(location: string, path: string): Promise<string>;
}

const FOLDER = 'runs/run_1/framework=hf/';

function aFile(path: string, content: string): StoredFile {
  return { path, sizeBytes: Buffer.byteLength(content), sha256: createHash('sha256').update(content).digest('hex') };
}

async function expectKeys(artifacts: Artifacts, prefix: string, keys: readonly string[]): Promise<void> {
  await eventually(async () => expect((await artifacts.list(prefix)).sort()).toEqual([...keys].sort()));
}

export function artifactsContract(open: () => Promise<ArtifactsWorld>, skips: Skips = {}): void {
  contractSuite('an artifacts store', open, skips, {
    'gives back what was put': async ({ artifacts }) => {
      await artifacts.put(`${FOLDER}config/run.json`, '{"name":"ä 🦜"}');

      expect(await artifacts.get(`${FOLDER}config/run.json`)).toBe('{"name":"ä 🦜"}');
    },

    'replaces what was there, by something shorter or empty too': async ({ artifacts }) => {
      const key = `${FOLDER}attempts/run_1-0001/control.json`;
      await artifacts.put(key, 'a long text');

      await artifacts.put(key, 'short');
      expect(await artifacts.get(key)).toBe('short');

      await artifacts.put(key, '');
      expect(await artifacts.get(key)).toBe('');
    },

    'knows nothing that was not put': async ({ artifacts }) => {
      await artifacts.put(`${FOLDER}config/run.json`, '{}');

      expect(await artifacts.get(`${FOLDER}config/other.json`)).toBeNull();
      expect(await artifacts.get(`${FOLDER}config`)).toBeNull();
      expect(await artifacts.get(`${FOLDER}config/run.json/deeper`)).toBeNull();
      expect(await artifacts.list('runs/run_2/')).toEqual([]);
    },

    'shows a whole text to whoever reads while it is replaced': async ({ artifacts }) => {
      const key = `${FOLDER}logs/run_1-0001-00000001.jsonl`;
      const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(200_000));
      await artifacts.put(key, texts[0] ?? '');

      const [, ...seen] = await Promise.all([
        (async () => {
          for (const text of texts) await artifacts.put(key, text);
        })(),
        ...Array.from({ length: 20 }, () => artifacts.get(key)),
      ]);

      for (const text of seen) expect(texts).toContain(text);
      expect(await artifacts.get(key)).toBe(texts[3]);
    },

    'lets exactly one of 20 parallel puts of an absent key win': async ({ artifacts }) => {
      const key = `${FOLDER}attempts/run_1-0001/claim.json`;
      const rivals = Array.from({ length: 20 }, (_, index) => `rival ${index}`);

      const won = await Promise.all(rivals.map((text) => artifacts.putIfAbsent(key, text)));

      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await artifacts.get(key)).toBe(rivals[won.indexOf(true)]);
      expect(await artifacts.putIfAbsent(key, 'late')).toBe(false);
      await expectKeys(artifacts, `${FOLDER}attempts/`, [key]);
    },

    'lists every key below a prefix, and no neighbour': async ({ artifacts }) => {
      const keys = ['checkpoints/step-000100.json', 'checkpoints/step-000100/adapter.safetensors', 'checkpoints/step-000100/deep/er/file'];
      for (const key of [...keys, 'checkpoints-old/step-000050.json', 'config/run.json']) await artifacts.put(FOLDER + key, 'x');

      await expectKeys(
        artifacts,
        `${FOLDER}checkpoints/`,
        keys.map((key) => FOLDER + key),
      );
    },

    'removes one key, also one that is gone': async ({ artifacts }) => {
      await artifacts.put(`${FOLDER}a.json`, 'a');
      await artifacts.put(`${FOLDER}b.json`, 'b');

      await artifacts.remove(`${FOLDER}a.json`);
      await artifacts.remove(`${FOLDER}a.json`);

      expect(await artifacts.get(`${FOLDER}a.json`)).toBeNull();
      expect(await artifacts.get(`${FOLDER}b.json`)).toBe('b');
    },

    'removes a folder and no neighbour, also one that is gone': async ({ artifacts }) => {
      const kept = `${FOLDER}checkpoints/step-000100.json`;
      for (const key of [kept, `${FOLDER}checkpoints/step-000100/a`, `${FOLDER}checkpoints/step-000100/b/c`]) await artifacts.put(key, 'x');

      await artifacts.removeFolder(`${FOLDER}checkpoints/step-000100/`);
      await artifacts.removeFolder(`${FOLDER}checkpoints/step-000100/`);

      await expectKeys(artifacts, FOLDER, [kept]);
    },

    'refuses keys that are not plain': async ({ artifacts }) => {
      for (const key of ['/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a\0b', 'a\\..\\b', '', 'a/.']) {
        await expect(async () => artifacts.put(key, 'x'), key).rejects.toThrow(/plain names/);
        await expect(async () => artifacts.get(key), key).rejects.toThrow(/plain names/);
        expect(() => artifacts.locate(key), key).toThrow(/plain names/);
      }
      await expect(async () => artifacts.list('runs'), 'a prefix without its slash').rejects.toThrow(/ends in '\/'/);
      await expect(async () => artifacts.removeFolder('runs'), 'a prefix without its slash').rejects.toThrow(/ends in '\/'/);
    },

    'verifies size and SHA-256 of every file': async ({ artifacts }) => {
      const contents = { 'adapter/adapter_model.safetensors': 'weights', 'adapter/adapter_config.json': '{}', 'samples.jsonl': '' };
      for (const [path, content] of Object.entries(contents)) await artifacts.put(`${FOLDER}artifacts/run_1/${path}`, content);
      const files = Object.entries(contents).map(([path, content]) => aFile(path, content));

      expect(await artifacts.verify(`${FOLDER}artifacts/run_1/`, files)).toBeNull();
      expect(await artifacts.verify(`${FOLDER}artifacts/run_1/`, [])).toBeNull();
    },

    'names the first file that differs, and how': async ({ artifacts }) => {
      const prefix = `${FOLDER}artifacts/run_1/`;
      const names = Array.from({ length: 12 }, (_, index) => `file-${index}`);
      for (const name of names) await artifacts.put(prefix + name, name);
      const files = names.map((name) => aFile(name, name));
      const differing = (index: number, file: StoredFile): Promise<string | null> =>
        artifacts.verify(prefix, files.with(index, file).with(11, aFile('file-11', 'later fault')));

      expect(await differing(7, aFile('file-7', 'longer than it is'))).toMatch(/'file-7'.*17/);
      expect(await differing(7, aFile('file-7', 'file-8'))).toMatch(new RegExp(`'file-7'.*${aFile('', 'file-8').sha256}`));
      expect(await differing(7, aFile('absent', 'absent'))).toMatch(/'absent' is not there/);
    },

    'takes no path out of the folder as verified': async ({ artifacts }) => {
      await artifacts.put(`${FOLDER}config/run.json`, '{}');

      const fault = await artifacts.verify(`${FOLDER}artifacts/run_1/`, [aFile('../../config/run.json', '{}')]);

      expect(fault).toMatch(/'\.\.\/\.\.\/config\/run\.json'/);
    },

    'publishes a folder where it lies, and under an output folder': async ({ artifacts, readPublished }) => {
      const prefix = `${FOLDER}artifacts/run_1/adapter/`;
      await artifacts.put(`${prefix}adapter_config.json`, '{"r":16}');
      await artifacts.put(`${prefix}deep/weights.safetensors`, 'weights');

      const inPlace = await artifacts.publish(prefix, null);
      const named = await artifacts.publish(prefix, 'outputs/poems');

      for (const location of [inPlace, named]) {
        expect(await readPublished(location, 'adapter_config.json')).toBe('{"r":16}');
        expect(await readPublished(location, 'deep/weights.safetensors')).toBe('weights');
      }
    },

    'publishes again: what was there before is gone': async ({ artifacts, readPublished }) => {
      const older = `${FOLDER}artifacts/run_1/adapter/`;
      const newer = `${FOLDER}artifacts/run_2/adapter/`;
      await artifacts.put(`${older}weights`, 'older');
      await artifacts.put(`${older}only-in-older`, 'x');
      await artifacts.put(`${newer}weights`, 'newer');
      const before = await artifacts.publish(older, 'outputs/poems');

      const after = await artifacts.publish(newer, 'outputs/poems');

      expect(after).toBe(before);
      expect(await readPublished(after, 'weights')).toBe('newer');
      await expect(readPublished(after, 'only-in-older')).rejects.toThrow();
    },
  });
}
