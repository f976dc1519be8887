import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findEngines } from '../../lambdas/local/find-engines.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const OWN_NEMO = 'nemo/.venv/bin/python';
const TRAINER = 'trainer/python';

test.each<[string, { there: string[]; gpus?: boolean; told?: string }, string[]]>([
  ['nothing without the trainer', { there: [OWN_NEMO], gpus: true }, []],
  ['hf and meta with it', { there: [TRAINER], gpus: true }, ['hf', 'meta']],
  ['nemo as well where its environment and a GPU are', { there: [TRAINER, OWN_NEMO], gpus: true }, ['hf', 'meta', 'nemo']],
  ['no nemo without a GPU', { there: [TRAINER, OWN_NEMO] }, ['hf', 'meta']],
  ['nemo where TUNEPLANE_NEMO_PYTHON says', { there: [TRAINER, 'other/python'], gpus: true, told: 'other/python' }, ['hf', 'meta', 'nemo']],
  ['no nemo where that is not there', { there: [TRAINER, OWN_NEMO], gpus: true, told: 'other/python' }, ['hf', 'meta']],
])('this machine trains with %s', async (_, { there, gpus = false, told }, engines) => {
  const folder = await makeTemporaryFolder();
  onTestFinished(() => folder.remove());
  for (const name of there) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true });
    await writeFile(join(folder.path, name), '');
  }
  const passedOn: Record<string, string> = told === undefined ? {} : { TUNEPLANE_NEMO_PYTHON: join(folder.path, told) };

  expect(findEngines({ python: join(folder.path, TRAINER), trainerFolder: folder.path, passedOn }, gpus)).toEqual(engines);
});
