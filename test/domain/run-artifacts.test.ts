import { expect, test } from 'vitest';
import { checkpointId, listArtifacts, runIdOf } from '#domain/run-artifacts.ts';
import { aRun, EPOCH_TIME } from '../support/builders.ts';

const HASH = 'a'.repeat(64);
const aCheckpoint = (step: number, reason: 'interval' | 'final' = 'interval') => ({
  checkpoint: `step-${String(step).padStart(6, '0')}`,
  folder: `step-${String(step).padStart(6, '0')}`,
  step,
  attempt: 1,
  evalLoss: null,
  sizeBytes: 10 * step,
  reason,
  createdAt: EPOCH_TIME,
});

test('lists the results, one a kind, then the checkpoints from the highest step down', () => {
  const run = aRun({
    checkpoints: [aCheckpoint(100), aCheckpoint(200)],
    result: {
      metrics: {},
      base: null,
      location: 'x',
      sha256: HASH,
      files: [
        { path: 'adapter/adapter_model.safetensors', sizeBytes: 5, sha256: HASH, kind: 'adapter' },
        { path: 'adapter/adapter_config.json', sizeBytes: 2, sha256: HASH, kind: 'adapter' },
        { path: 'samples.jsonl', sizeBytes: 3, sha256: HASH, kind: 'samples' },
      ],
    },
  });

  expect(listArtifacts(run)).toMatchObject([
    { type: 'adapter', name: 'Adapter', sizeBytes: 7, key: `${run.folder}/artifacts/${run.id}/adapter/`, checkpoint: null },
    { type: 'samples', sizeBytes: 3, key: `${run.folder}/artifacts/${run.id}/samples.jsonl` },
    { type: 'checkpoint', name: 'Checkpoint @ step 200', sizeBytes: 2_000, key: `${run.folder}/checkpoints/step-000200/` },
    { type: 'checkpoint', name: 'Checkpoint @ step 100', checkpoint: 'step-000100', createdAt: EPOCH_TIME },
  ]);
});

test('the final checkpoint of a stopped run is the one before cancel', () => {
  const run = aRun({ checkpoints: [aCheckpoint(100), aCheckpoint(120, 'final')], stopRequestedAt: EPOCH_TIME });

  expect(listArtifacts(run).map(({ name }) => name)).toEqual(['Checkpoint before cancel', 'Checkpoint @ step 100']);
});

test('an id says whose artifact it is, and has its tags in the order applied', () => {
  const run = aRun({ checkpoints: [aCheckpoint(100)] });
  const id = checkpointId(run, 'step-000100');
  const tags = (['candidate', 'candidate', 'release'] as const).map((value) => ({ value, notes: null, appliedAt: EPOCH_TIME }));

  expect(runIdOf(id)).toBe(run.id);
  expect(listArtifacts({ ...run, tags: { [id]: tags } })[0]?.tags).toEqual(tags);
});

test.each(['', 'ckpt_001', 'run_01h', '../x', 'art_xyz_adapter'])('%j is the id of no artifact', (id) => {
  expect(runIdOf(id)).toBeNull();
});
