import { expect, test } from 'vitest';
import { manifestSchema } from '#domain/run-folder.ts';
import { trainingSchema } from '#domain/training.ts';
import { aTraining } from '../support/builders.ts';

test("the first release's spec, with one word of export and without the later hyperparameters, is read whole", () => {
  const { checkpointMinutes: _, resultFrom: __, dataloaderWorkers: ___, dpoBeta: ____, ...hyperparameters } = aTraining().hyperparameters;

  const read = trainingSchema.parse({ ...aTraining(), hyperparameters, export: 'merged' });

  expect(read).toEqual({ ...aTraining(), export: ['adapter', 'merged'] });
  expect(trainingSchema.parse({ ...aTraining(), export: 'adapter' }).export).toEqual(['adapter']);
});

test.each([[[]], [['pickle']], ['all']])('refuses to export %j', (given) => {
  expect(trainingSchema.safeParse({ ...aTraining(), export: given }).success).toBe(false);
});

test("the first release's manifest says nothing of the result's step", () => {
  const { result, endDetail } = manifestSchema.shape;

  expect([result.parse(undefined), endDetail.parse(undefined)]).toEqual([null, null]);
});
