import { join } from 'node:path';
import { FileUploads } from '#local/file-uploads.ts';
import { FolderContents } from '#local/folder-contents.ts';
import { openHomeKey } from '#local/home-key.ts';
import { SignedLinks } from '#local/signed-links.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { contentsContract } from './contents.contract.ts';

contentsContract(async () => {
  const home = await makeTemporaryFolder();
  const folder = join(home.path, 'contents');
  const links = new SignedLinks({ key: openHomeKey(join(home.path, 'links.key')), clock: { now: Date.now } });
  return { contents: new FolderContents({ folder, uploads: new FileUploads({ folder, links }) }), close: home.remove };
});
