/** What a request becomes, where HTTP cannot show it: the training program's own arguments. */
import { expect, test } from 'vitest';
import { toNewJob } from '#surfaces/unified-trainer/translate.ts';

const REQUEST = {
  framework: 'hf',
  model_id: 'tiny-llama',
  run_id: 'demo',
  checkpoint_base_uri: './runs',
  dataset_uri: './rows.jsonl',
  extra_args: { lr: 0.1, my_flag: true, my_words: 'a b; rm -rf /' },
} as const;

test("an image of the user's own takes arguments that our engines do not know, each an entry of its own", () => {
  const { order } = toNewJob({ ...REQUEST, image: 'example.com/mine:1', config_path: 'a.yaml' }, { theirs: 'x' }, ['example.com/mine:1']);

  expect(order.metadata).toEqual({
    argv: ['--theirs', 'x', '--lr', '0.1', '--my_flag', '--my_words', 'a b; rm -rf /'],
    image: 'example.com/mine:1',
    config_path: 'a.yaml',
  });
  expect(order.problems).toEqual([]);
  expect(order.asked.hyperparameters).toEqual({ lr: 0.1 });
});

test('our own trainer refuses what it does not know', () => {
  expect(toNewJob(REQUEST, {}, []).order.problems?.map(({ path }) => path)).toEqual(['extra_args.my_flag', 'extra_args.my_words']);
});

test("the document's dataloader_workers reaches the engine", () => {
  const { order } = toNewJob({ ...REQUEST, extra_args: { dataloader_workers: 3 } }, {}, []);

  expect(order.asked.hyperparameters).toEqual({ dataloader_workers: 3 });
});
