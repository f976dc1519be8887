/** What the document of all APIs says beyond the routes themselves. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BASE_NAME, DATASET_NAME, planRun } from '#domain/run-request.ts';
import { buildOpenApi } from '#http/openapi.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';

const read = (available?: Record<string, string[]>) =>
  JSON.parse(JSON.stringify(buildOpenApi(API_SURFACES, { tokenRequired: true, ...(available && { available }) })));
const PLANE = { providers: ['local', 'runpod'], secrets: ['hf-team'], images: ['ours:1'] };

describe('what only some planes have', () => {
  test('is described as this one has it', () => {
    const { properties } = read(PLANE).components.schemas.TrainingJobRequest;

    expect(properties.provider.enum).toEqual(['local', 'runpod']);
    expect(properties.image.enum).toEqual(['ours:1']);
    expect(properties.secrets.additionalProperties).toEqual({ enum: ['hf-team'] });
  });

  test('is described as any could have it where no plane is asked', () => {
    const { properties } = read().components.schemas.TrainingJobRequest;

    expect(properties.provider.enum).toContain('aws-batch');
    expect(JSON.stringify(read())).not.toContain('"available"');
  });

  test('none at all: no secret can be named', () => {
    const { properties } = read({ ...PLANE, secrets: [] }).components.schemas.TrainingJobRequest;

    expect(properties.secrets).toMatchObject({ additionalProperties: { not: {} } });
    expect(properties.secrets.example).toBeUndefined();
  });
});

test('a creation links to what can be done with the run, and each link is an operation of the document', () => {
  const { paths } = read();
  const operations: { operationId: string; responses: Record<string, { links?: Record<string, { operationId: string }> }> }[] =
    Object.values(paths).flatMap((methods) => Object.values(methods as object));
  const ids = new Set(operations.map(({ operationId }) => operationId));
  const links = operations.flatMap(({ responses }) => Object.values(responses).flatMap((response) => Object.values(response.links ?? {})));

  expect(paths['/train'].post.responses['201'].links.stopRun).toEqual({
    operationId: 'stopRun',
    parameters: { run_id: '$response.body#/job_id' },
  });
  expect(links.filter(({ operationId }) => !ids.has(operationId))).toEqual([]);
});

test('names that match what the document says are taken', () => {
  const AT = { base: 'base', dataset: 'dataset', prefix: '' };
  const matching = (pattern: string) =>
    fc.stringMatching(new RegExp(pattern.replace(String.raw`(?!.*\.\.)`, ''))).filter((name) => new RegExp(pattern).test(name));
  fc.assert(
    fc.property(matching(BASE_NAME), matching(DATASET_NAME), (baseModel, dataset) => {
      expect(planRun({ baseModel, dataset, peftMethod: 'lora', hyperparameters: {} }, AT).problems).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
