import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FolderInputs } from '#local/folder-inputs.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { inputsContract } from './inputs.contract.ts';

inputsContract(async () => {
  const dataRoot = await makeTemporaryFolder();
  return {
    inputs: new FolderInputs({ dataRoot: dataRoot.path }),
    place: async (path, content) => {
      await mkdir(dirname(join(dataRoot.path, path)), { recursive: true });
      await writeFile(join(dataRoot.path, path), content);
    },
    name: (path) => path,
    close: dataRoot.remove,
  };
});
