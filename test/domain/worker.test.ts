import { describe, expect, test } from 'vitest';
import type { Run } from '#domain/run.ts';
import { assign, findRoom, frameworkOf, isInStore, type Place, type WorkerNeed, type WorkerReport, whyUnfit } from '#domain/worker.ts';
import { aComputeNeed, aTraining } from '../support/builders.ts';

const A10 = { name: 'NVIDIA A10', memoryGb: 22.5 };
const H100 = { name: 'NVIDIA H100 80GB HBM3', memoryGb: 79.6 };

function aReport(overrides: Partial<WorkerReport> = {}): WorkerReport {
  return {
    instance: 'a'.repeat(32),
    host: 'box',
    slots: 2,
    gpus: [],
    memoryGb: 64,
    engines: ['hf'],
    bases: [],
    sharesFolders: false,
    isLeaving: false,
    holding: [],
    ...overrides,
  };
}
const withGpus = (...cards: { name: string; memoryGb: number }[]): WorkerReport['gpus'] => cards.map((card, index) => ({ index, ...card }));
const aPlace = (name: string, overrides: Partial<WorkerReport> = {}, held: Place['held'] = []): Place => ({
  name,
  report: aReport(overrides),
  held,
});
const aNeed = ({
  compute = {},
  ...overrides
}: Partial<Omit<WorkerNeed, 'compute'>> & { compute?: Partial<WorkerNeed['compute']> } = {}) => ({
  compute: aComputeNeed(compute),
  framework: 'hf',
  memoryGb: 2,
  isOnPlane: false,
  base: null,
  ...overrides,
});

describe('why a worker cannot take a run', () => {
  test.each<[string, Partial<WorkerReport>, Parameters<typeof aNeed>[0], string | null]>([
    ['nothing speaks against it', {}, {}, null],
    ['a GPU is taken where there is one, and none is needed', { gpus: withGpus(A10) }, {}, null],
    ['it is leaving', { isLeaving: true }, {}, 'it is leaving'],
    ['it takes none', { slots: 0 }, {}, 'it takes no runs'],
    ['another framework', {}, { framework: 'verl' }, "it has no engine 'verl'"],
    ['too few GPUs', { gpus: withGpus(A10) }, { compute: { gpusPerNode: 4 } }, 'it has 1 of the 4 GPUs'],
    ['another type', { gpus: withGpus(A10) }, { compute: { gpuType: 'H100' } }, 'it has no H100'],
    [
      'GPUs of the type, not enough of them',
      { gpus: withGpus(A10, H100) },
      { compute: { gpuType: 'H100', gpusPerNode: 2 } },
      'it has 1 of the 2 GPUs',
    ],
    ['too little GPU memory', { gpus: withGpus(A10) }, { memoryGb: 40 }, 'it has 23 GB of the 40 GB of GPU memory'],
    ['a card called 80 GB shows 79.6', { gpus: withGpus(H100) }, { memoryGb: 80 }, null],
    ['two cards together', { gpus: withGpus(A10, A10) }, { memoryGb: 40, compute: { gpusPerNode: 2 } }, null],
    ['too little memory without a GPU', { memoryGb: 8 }, { memoryGb: 40 }, 'it has 8 GB of the 40 GB of memory'],
  ])('%s', (_, report, need, why) => {
    expect(whyUnfit(aPlace('box', report), aNeed(need))).toBe(why);
  });

  test('a run in the folders of the plane goes to who sees them, and the sentence names the setting', () => {
    const need = aNeed({ isOnPlane: true });

    expect(whyUnfit(aPlace('box'), need)).toMatch(/TUNEPLANE_ARTIFACTS/);
    expect(whyUnfit(aPlace('box', { sharesFolders: true }), need)).toBeNull();
  });
});

describe('the GPUs that a run takes', () => {
  test('the smallest that has the memory, so that large ones are left', () => {
    const place = aPlace('box', { gpus: withGpus(H100, A10), slots: 2 });

    expect(findRoom(place, aNeed())).toEqual([1]);
    expect(findRoom(place, aNeed({ memoryGb: 40 }))).toEqual([0]);
  });

  test('what others hold is not free, and neither is a slot', () => {
    const gpus = withGpus(A10, A10);

    expect(findRoom(aPlace('box', { gpus }, [[0]]), aNeed())).toEqual([1]);
    expect(findRoom(aPlace('box', { gpus, slots: 3 }, [[0], [1]]), aNeed())).toBeNull();
    expect(findRoom(aPlace('box', { gpus, slots: 1 }, [[0]]), aNeed())).toBeNull();
    expect(findRoom(aPlace('box', {}, [[]]), aNeed())).toEqual([]);
  });

  test('none, where it asks for none', () => {
    expect(findRoom(aPlace('box', { gpus: withGpus(A10) }), aNeed({ compute: { gpusPerNode: 0 } }))).toEqual([]);
  });
});

describe('who goes where', () => {
  const waits = (tag: string, need: Parameters<typeof aNeed>[0] = {}) => ({ tag, need: aNeed(need) });

  test('the oldest first, as many as there is room for', () => {
    const places = [aPlace('box', { slots: 2 })];

    expect(assign([waits('c'), waits('a'), waits('b')], places).map(({ tag }) => tag)).toEqual(['a', 'b']);
  });

  test('where its base lies already, else where the fewest GPUs are left over', () => {
    const places = [
      aPlace('large', { gpus: withGpus(A10, A10, A10) }),
      aPlace('small', { gpus: withGpus(A10) }),
      aPlace('cached', { gpus: withGpus(A10, A10), bases: ['Qwen/Qwen3-0.6B'] }),
    ];

    expect(assign([waits('a', { base: 'Qwen/Qwen3-0.6B' })], places)[0]?.worker).toBe('cached');
    expect(assign([waits('a')], places)[0]?.worker).toBe('small');
  });

  test('one that fits nowhere holds nobody up', () => {
    const assigned = assign([waits('a', { compute: { gpuType: 'B200' } }), waits('b')], [aPlace('box')]);

    expect(assigned.map(({ tag }) => tag)).toEqual(['b']);
  });

  test('one that waits for a busy worker is not overtaken there, and is elsewhere', () => {
    const big = aPlace('big', { gpus: withGpus(H100, H100), slots: 2 }, [[0]]);
    const waiting = [waits('a', { compute: { gpusPerNode: 2 } }), waits('b')];

    expect(assign(waiting, [big])).toEqual([]);
    expect(assign(waiting, [big, aPlace('other')])).toEqual([{ tag: 'b', worker: 'other', gpus: [] }]);
  });
});

test('a run is in the store when its folder, its data, its base and its hypernetwork are', () => {
  const holds = (key: string) => key.startsWith('s3/');
  const file = { path: 'rows', sizeBytes: 1, sha256: 'a'.repeat(64), split: 'train' as const };
  const dataAt = (location: string) => ({ kind: 'files' as const, uri: 'rows', files: [{ ...file, location }] });
  const inStore = (folder: string, overrides: Parameters<typeof aTraining>[0] = {}, hypernetwork: Run['hypernetwork'] = null) =>
    isInStore({ folder, training: aTraining(overrides), hypernetwork }, holds);
  const madeAt = (folder: string): Run['hypernetwork'] => ({ kind: 'run', runId: 'run_z', folder, files: [] });

  expect(inStore('s3/bucket/runs/x', { dataset: dataAt('s3://bucket/rows') })).toBe(true);
  expect(inStore('runs/x', { dataset: dataAt('s3://bucket/rows') })).toBe(false);
  expect(inStore('s3/bucket/runs/x', { dataset: dataAt('/data/rows') })).toBe(false);
  expect(inStore('s3/bucket/runs/x', { dataset: dataAt('s3://bucket/rows'), baseModel: { kind: 'path', path: '/models/x' } })).toBe(false);
  expect(inStore('s3/bucket/runs/x', { dataset: dataAt('s3://bucket/rows') }, madeAt('s3://bucket/model/'))).toBe(true);
  expect(inStore('s3/bucket/runs/x', { dataset: dataAt('s3://bucket/rows') }, madeAt('/home/model/'))).toBe(false);
});

test('a hypernetwork needs a worker with the trainer, whatever framework its run names', () => {
  expect(frameworkOf({ framework: 'nemo', peftMethod: 'hypernetwork' })).toBe('hf');
  expect(frameworkOf({ framework: 'nemo', peftMethod: 'lora' })).toBe('nemo');
});
