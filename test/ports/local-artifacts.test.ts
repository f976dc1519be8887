import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { FolderArtifacts } from '#local/folder-artifacts.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { artifactsContract } from './artifacts.contract.ts';

artifactsContract(async () => {
  const dataRoot = await makeTemporaryFolder();
  return {
    artifacts: new FolderArtifacts({ root: join(dataRoot.path, '.tuneplane', 'artifacts'), dataRoot: dataRoot.path }),
    readPublished: (location, path) => readFile(resolve(dataRoot.path, location, path), 'utf8'),
    close: dataRoot.remove,
  };
});
