import { expect, test } from 'vitest';
import * as z from 'zod';
import { hyperparameterShape } from '#domain/hyperparameters.ts';

const document = z.toJSONSchema(z.object(hyperparameterShape), { io: 'input' }).properties;

test('the document says what is taken where nothing is given, and nothing where that follows something else', () => {
  const defaults = Object.entries(Object(document)).flatMap(([name, schema]) =>
    Object.hasOwn(Object(schema), 'x-default') ? [[name, Object(schema)['x-default']]] : [],
  );

  expect(Object.fromEntries(defaults)).toMatchObject({ num_epochs: 3, batch_size: 8, lr_scheduler: 'cosine', lora_r: 16, report_to: [] });
  for (const follows of ['max_steps', 'learning_rate', 'lora_alpha', 'eval_steps', 'lr'])
    expect(Object.fromEntries(defaults)).not.toHaveProperty(follows);
});

test('an alias says of what', () => {
  expect(document).toMatchObject({ lr: { 'x-alias-of': 'learning_rate' }, max_seq_len: { 'x-alias-of': 'max_seq_length' } });
});
