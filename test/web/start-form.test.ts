/** The form out of the plane's own OpenAPI document. */
import { describe, expect, test } from 'vitest';
import { buildOpenApi } from '#http/openapi.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';
import { groupFields } from '../../web/start/field-groups.ts';
import { keyOf, toBody, toTyped } from '../../web/start/form-body.ts';
import { type Field, fieldsOf, type OpenApi } from '../../web/start/schema-fields.ts';
import { WAYS } from '../../web/start/ways.ts';

const document = JSON.parse(JSON.stringify(buildOpenApi(API_SURFACES))) as OpenApi;
const fieldOf = (fields: readonly Field[], key: string): Field => {
  const field = fields.find((candidate) => keyOf(candidate) === key);
  if (!field) throw new Error(`no field ${key}`);
  return field;
};

test.each(WAYS.map(({ operationId }) => operationId))(
  '%s: every field that the plane takes is asked for once, and no alias beside it',
  (operationId) => {
    const fields = fieldsOf(document, operationId);
    const grouped = groupFields(fields).flatMap((group) => group.fields);
    const names = grouped.map(({ name }) => name);

    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(expect.arrayContaining(['learning_rate', 'batch_size', 'provider', 'gpu_type']));
    for (const alias of ['lr', 'max_seq_len', 'gradient_accumulation']) expect(names).not.toContain(alias);
    expect(new Set(fields.map(({ name }) => name).filter((name) => name !== 'config_id'))).toEqual(new Set(names));
  },
);

test('a field has the kind, the bounds and the default of its schema', () => {
  const fields = fieldsOf(document, 'startSftJob');

  expect(fieldOf(fields, 'config.batch_size')).toMatchObject({ kind: 'integer', bounds: '1 to 4,096', fallback: '8', isRequired: false });
  expect(fieldOf(fields, 'config.learning_rate')).toMatchObject({ kind: 'number', bounds: 'above 0, at most 1', fallback: '' });
  expect(fieldOf(fields, 'config.lr_scheduler')).toMatchObject({
    kind: 'choice',
    fallback: 'cosine',
    choices: expect.arrayContaining(['linear']),
  });
  expect(fieldOf(fields, 'config.target_modules')).toMatchObject({ kind: 'list', word: 'all-linear' });
  expect(fieldOf(fields, 'config.keep_best')).toMatchObject({ kind: 'integer' });
  expect(fieldOf(fields, 'config.env')).toMatchObject({ kind: 'pairs' });
  expect(fieldOf(fields, 'config.sample_prompts')).toMatchObject({ kind: 'list' });
  expect(fieldOf(fields, 'config.compute.gpus_per_node')).toMatchObject({ kind: 'integer' });
  expect(fieldOf(fieldsOf(document, 'createProjectRun'), 'dataset')).toMatchObject({ isRequired: true });
});

test('an operation that the plane does not have is said by name', () => {
  expect(() => fieldsOf(document, 'startRocket')).toThrow("the plane has no operation 'startRocket'");
});

describe('what is typed', () => {
  const fields = fieldsOf(document, 'startSftJob');
  const body = {
    config: {
      base_model: 'tiny-llama',
      dataset_name: './rows.jsonl',
      max_steps: 300,
      learning_rate: 0.003,
      packing: true,
      target_modules: ['q_proj', 'v_proj'],
      sample_prompts: ['What is it?'],
      env: { NAME: 'a=b' },
      compute: { node_count: 2, gpu_type: 'H100' },
    },
  };

  test('becomes the body, and a body becomes what would have been typed', () => {
    expect(toBody(fields, toTyped(fields, body))).toEqual(body);
    expect(toTyped(fields, body)['config.env']).toBe('NAME=a=b');
  });

  test('is left out where it is empty, and goes out as it is where it is no number: the plane says what it must be', () => {
    expect(toBody(fields, { 'config.max_steps': ' ', 'config.batch_size': 'many', 'config.target_modules': 'all-linear' })).toEqual({
      config: { batch_size: 'many', target_modules: 'all-linear' },
    });
  });
});
