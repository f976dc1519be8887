import { FolderContents } from '#local/folder-contents.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { contentsContract } from './contents.contract.ts';

contentsContract(async () => {
  const folder = await makeTemporaryFolder();
  return { contents: new FolderContents(folder.path), close: folder.remove };
});
