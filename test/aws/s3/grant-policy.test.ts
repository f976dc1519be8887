import { expect, test } from 'vitest';
import * as z from 'zod';
import { attemptName } from '#domain/run-folder.ts';
import { grantPolicy } from '#s3/grant-policy.ts';
import { aRun, aTraining } from '../../support/builders.ts';

const policySchema = z.object({
  Statement: z.array(
    z.object({ Action: z.union([z.string(), z.array(z.string())]), Resource: z.union([z.string(), z.array(z.string())]) }),
  ),
});
const FOLDER = { bucket: 'store', key: 'plane/runs/x/framework=hf' };

function resourcesOf(policy: string, action: string): string[] {
  const { Statement } = policySchema.parse(JSON.parse(policy));
  return Statement.filter(({ Action }) => [Action].flat().includes(action)).flatMap(({ Resource }) => Resource);
}

const aFile = (location: string) => ({ path: 'rows.jsonl', sizeBytes: 1, sha256: 'a'.repeat(64), location, split: 'train' as const });

test('an attempt writes what bears its name, and the checkpoints of the folder', () => {
  const run = aRun();

  const writes = resourcesOf(grantPolicy(run, 2, FOLDER), 's3:PutObject');

  const at = 'arn:aws:s3:::store/plane/runs/x/framework=hf';
  const name = attemptName(run.id, 2);
  expect(writes).toEqual([
    `${at}/attempts/${name}/*`,
    `${at}/checkpoints/*`,
    `${at}/logs/${name}-*`,
    `${at}/metrics/${run.id}-*`,
    `${at}/artifacts/${run.id}/*`,
  ]);
});

test('it reads its data, its stored base, its hypernetwork and the checkpoint of another run, and writes none of them', () => {
  const run = aRun({
    training: aTraining({
      dataset: { kind: 'files', uri: 'x', files: [aFile('s3://data/rows.jsonl')] },
      baseModel: {
        kind: 'made',
        id: 'run_x',
        form: 'adapter',
        folder: 's3://store/adapters/a',
        base: { kind: 'path', path: 's3://bases/m' },
      },
    }),
    hypernetwork: { kind: 'run', runId: 'run_z', folder: 's3://store/z/artifacts/run_z/model/', files: [] },
    resumedFrom: {
      runId: 'run_y',
      artifactId: 'ckpt_y',
      checkpoint: 'step-000100',
      folder: 's3://store/y/checkpoints/step-000100',
      step: 100,
    },
  });
  const policy = grantPolicy(run, 1, FOLDER);

  const places = [
    'arn:aws:s3:::data/rows.jsonl',
    'arn:aws:s3:::store/adapters/a/*',
    'arn:aws:s3:::bases/m/*',
    'arn:aws:s3:::store/z/artifacts/run_z/model/*',
    'arn:aws:s3:::store/y/checkpoints/step-000100/*',
    'arn:aws:s3:::store/y/checkpoints/step-000100.json',
  ];
  expect(resourcesOf(policy, 's3:GetObject')).toEqual(expect.arrayContaining(places));
  for (const place of places) expect(resourcesOf(policy, 's3:PutObject')).not.toContain(place);
});

test('what lies on this machine, or at a hub, needs no grant', () => {
  const run = aRun({ training: aTraining({ dataset: { kind: 'files', uri: 'x', files: [aFile('/data/rows.jsonl')] } }) });

  expect(resourcesOf(grantPolicy(run, 1, FOLDER), 's3:GetObject').filter((place) => !place.includes('framework=hf'))).toEqual([]);
});

test('many files are granted by their folder, so that a policy never has more than 2,048 characters', () => {
  const files = Array.from({ length: 500 }, (_, index) =>
    aFile(`s3://data/a-folder-with-a-long-name/part-${String(index).padStart(5, '0')}.jsonl`),
  );
  const run = aRun({ training: aTraining({ dataset: { kind: 'files', uri: 'x', files } }) });

  const policy = grantPolicy(run, 1, FOLDER);

  expect(policy.length).toBeLessThanOrEqual(2_048);
  expect(resourcesOf(policy, 's3:GetObject')).toContain('arn:aws:s3:::data/a-folder-with-a-long-name/*');
});

test('data in more folders than a policy holds is an error with a sentence', () => {
  const files = Array.from({ length: 100 }, (_, index) => aFile(`s3://data/folder-${index}/rows.jsonl`));
  const run = aRun({ training: aTraining({ dataset: { kind: 'files', uri: 'x', files } }) });

  expect(() => grantPolicy(run, 1, FOLDER)).toThrow(/lie in 100 folders: too many for one grant/);
});
