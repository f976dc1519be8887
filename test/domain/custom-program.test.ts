import { expect, test } from 'vitest';
import { CONFIGURED_IMAGE, programOf } from '#domain/custom-program.ts';
import { aRun } from '../support/builders.ts';

const REQUEST = {
  framework: 'hf',
  model_id: 'gpt2',
  run_id: 'demo_1',
  checkpoint_base_uri: 's3://bucket/runs',
  dataset_uri: 's3://bucket/rows/',
  config_path: 'configs/a.yaml',
  resume_from_checkpoint: true,
  num_nodes: 1,
};
const aCustomRun = (image: string | undefined) =>
  aRun({ api: 'unified-trainer', request: REQUEST, metadata: { argv: ['--lr', '0.1', '--verbose'], ...(image && { image }) } });

test("an image of the user's own is told the document's fields and its extra arguments, each an entry of its own", () => {
  expect(programOf(aCustomRun('example.com/mine:1'))?.argv.join(' ')).toBe(
    '--framework hf --model_id gpt2 --run_id demo_1 --dataset_uri s3://bucket/rows/ --checkpoint_base_uri s3://bucket/runs ' +
      '--config_path configs/a.yaml --resume_from_checkpoint --lr 0.1 --verbose',
  );
});

test.each([undefined, CONFIGURED_IMAGE])("the image '%s' means our own engines", (image) => {
  expect(programOf(aCustomRun(image))).toBeNull();
});

test('a run of another API has no program of its own', () => {
  expect(programOf(aRun({ metadata: { image: 'example.com/mine:1' } }))).toBeNull();
});
