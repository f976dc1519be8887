import { expect, test } from 'vitest';
import type { ComputeNeed } from '#domain/run.ts';
import { WaitingLine } from '#local/waiting-line.ts';
import { aComputeNeed } from '../support/builders.ts';

const ANY: ComputeNeed = aComputeNeed();

test('gives its slots to the oldest, and says whose turn it is when one is free', () => {
  const line = new WaitingLine({ maxRuns: 1, gpus: [] });

  expect(line.reserve('run_a-0001', ANY)).toEqual({ kind: 'reserved' });
  expect(line.reserve('run_c-0001', ANY)).toMatchObject({ kind: 'no-capacity', waiting: { code: 'slot' } });
  expect(line.reserve('run_b-0001', ANY)).toMatchObject({ kind: 'no-capacity' });
  expect(line.release('run_a-0001')).toBe('run_b-0001');
  expect(line.reserve('run_c-0001', ANY)).toMatchObject({ kind: 'no-capacity', waiting: { sentence: 'older runs go first' } });
  expect(line.reserve('run_b-0001', ANY)).toEqual({ kind: 'reserved' });
});

test('the same tag may ask as often as it likes', () => {
  const line = new WaitingLine({ maxRuns: 1, gpus: [] });
  line.reserve('run_a-0001', ANY);

  expect(line.reserve('run_a-0001', ANY)).toEqual({ kind: 'reserved' });
  expect(line.release('run_a-0001')).toBeNull();
});

test('who leaves the line holds nobody up', () => {
  const line = new WaitingLine({ maxRuns: 1, gpus: [] });
  line.reserve('run_a-0001', ANY);
  line.reserve('run_b-0001', ANY);
  line.reserve('run_c-0001', ANY);

  line.release('run_b-0001');

  expect(line.release('run_a-0001')).toBe('run_c-0001');
});

test('an attempt found at work keeps its slot, even where that is one too many', () => {
  const line = new WaitingLine({ maxRuns: 1, gpus: [0, 1] });
  line.adopt('run_a-0001', [0]);
  line.adopt('run_b-0001', [1]);

  expect(line.reserve('run_c-0001', ANY)).toMatchObject({ kind: 'no-capacity' });
  expect(line.release('run_a-0001')).toBeNull();
  expect(line.release('run_b-0001')).toBe('run_c-0001');
});

test('each run has GPUs of its own, and waits for as many as it asked for', () => {
  const line = new WaitingLine({ maxRuns: 4, gpus: [0, 1, 2] });

  line.reserve('run_a-0001', ANY);
  line.reserve('run_b-0001', { ...ANY, gpusPerNode: 2 });

  expect([line.held('run_a-0001'), line.held('run_b-0001')]).toEqual([[0], [1, 2]]);
  expect(line.reserve('run_c-0001', ANY)).toMatchObject({
    kind: 'no-capacity',
    waiting: { code: 'gpu', sentence: 'waits for 1 of 3 GPUs; 0 are free' },
  });
  expect(line.reserve('run_d-0001', { ...ANY, gpusPerNode: 0 })).toMatchObject({ kind: 'no-capacity' });
});

test.each([
  [{ nodes: 4 }, '4 nodes were asked for; this machine is one'],
  [{ gpusPerNode: 8 }, '8 GPUs were asked for; this machine has 0'],
  [{ gpuType: 'H100' }, 'a H100 was asked for; this machine has no GPU'],
])('%j is impossible here, in a sentence', (need, sentence) => {
  expect(new WaitingLine({ maxRuns: 1, gpus: [] }).reserve('run_a-0001', { ...ANY, ...need })).toEqual({
    kind: 'impossible',
    failure: { code: 'no_compute', message: sentence },
  });
});

test('with no slots runs are accepted and none is started', () => {
  expect(new WaitingLine({ maxRuns: 0, gpus: [] }).reserve('run_a-0001', ANY)).toMatchObject({
    waiting: { sentence: 'this plane accepts runs and starts none' },
  });
});
