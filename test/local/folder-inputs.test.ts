/** What only the data root of this machine promises: nothing outside is looked at, and a hash is made once. */
import { once } from 'node:events';
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Dataset } from '#domain/training.ts';
import { hashFile } from '#local/file-hash.ts';
import { FileUploads } from '#local/file-uploads.ts';
import { FolderContents } from '#local/folder-contents.ts';
import { FolderInputs } from '#local/folder-inputs.ts';
import { SignedLinks } from '#local/signed-links.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

async function newFolder(): Promise<string> {
  const folder = await makeTemporaryFolder();
  onTestFinished(folder.remove);
  return folder.path;
}

const filesAt = (uri: string): Dataset => ({ kind: 'files', uri, files: [] });
const NEVER_SETTLED = { now: () => 0 };
const LONG_SETTLED = { now: () => Number.MAX_SAFE_INTEGER };

async function failureOf(inputs: FolderInputs, dataset: Dataset): Promise<{ code: string; message: string }> {
  const result = await inputs.pin(dataset);
  if (!('failure' in result)) throw new Error('it was pinned');
  return result.failure;
}

test('takes a path relative to the data root, or absolute below it, also where the root is a link', async () => {
  const root = await newFolder();
  await mkdir(join(root, 'data'));
  await writeFile(join(root, 'data/poems.jsonl'), 'rows');
  const link = join(await newFolder(), 'link');
  await symlink(root, link);

  for (const [dataRoot, uri] of [
    [root, 'data/poems.jsonl'],
    [root, './data/../data/poems.jsonl'],
    [root, join(root, 'data/poems.jsonl')],
    [link, 'data/poems.jsonl'],
    [link, join(link, 'data/poems.jsonl')],
    [link, join(root, 'data/poems.jsonl')],
  ] as const) {
    const result = await new FolderInputs({ dataRoot }).pin(filesAt(uri));
    expect(result, uri).toMatchObject({ dataset: { uri, files: [{ path: 'poems.jsonl', location: join(root, 'data/poems.jsonl') }] } });
  }
});

test('refuses what leads out of the data root, by dots and by links, there or not', async () => {
  const [root, outside] = [await newFolder(), await newFolder()];
  await writeFile(join(outside, 'train.jsonl'), 'rows');
  await symlink(outside, join(root, 'way-out'));
  await mkdir(join(root, 'folder'));
  await symlink(join(outside, 'train.jsonl'), join(root, 'folder/train.jsonl'));
  const inputs = new FolderInputs({ dataRoot: root });

  for (const uri of [
    '../x.jsonl',
    '/etc/passwd',
    '/nowhere/x.jsonl',
    'way-out/',
    'way-out/train.jsonl',
    'way-out/absent.jsonl',
    'folder/',
    'folder/train.jsonl',
  ]) {
    const failure = await failureOf(inputs, filesAt(uri));
    expect(failure.code, uri).toBe('dataset_outside_root');
    expect(failure.message).toContain(root);
  }
  expect(await inputs.locateModel('way-out')).toMatchObject({ failure: { code: 'dataset_outside_root' } });
});

test('says where it looked for what is not there', async () => {
  const root = await newFolder();

  const failure = await failureOf(new FolderInputs({ dataRoot: root }), filesAt('data/absent.jsonl'));

  expect(failure).toEqual({
    code: 'dataset_not_found',
    message: `'data/absent.jsonl' is not there: looked at ${root}/data/absent.jsonl, the data root is ${root}`,
  });
});

test('says that it has no object store', async () => {
  const inputs = new FolderInputs({ dataRoot: await newFolder() });

  for (const uri of ['s3://bucket/train.jsonl', 'gs://bucket/', 'https://example.com/train.jsonl']) {
    expect(await failureOf(inputs, filesAt(uri))).toEqual({ code: 'data_unreachable', message: expect.stringContaining(uri) });
  }
});

test('does not read from a socket, nor go round in circles', async () => {
  const root = await newFolder();
  const socket = createServer().listen(join(root, 'socket.jsonl'));
  onTestFinished(() => void socket.close());
  await once(socket, 'listening');
  await symlink('circle.jsonl', join(root, 'circle.jsonl'));
  const inputs = new FolderInputs({ dataRoot: root });

  expect(await failureOf(inputs, filesAt('socket.jsonl'))).toEqual({
    code: 'dataset_not_found',
    message: expect.stringContaining('neither a file nor a folder'),
  });
  expect(await failureOf(inputs, filesAt('circle.jsonl'))).toEqual({
    code: 'data_unreachable',
    message: expect.stringContaining('circle'),
  });
  expect(await failureOf(inputs, filesAt('a\0b.jsonl'))).toMatchObject({ code: 'dataset_not_found' });
});

test('fails where a pinned file is gone', async () => {
  const root = await newFolder();
  await writeFile(join(root, 'train.jsonl'), 'rows');
  const inputs = new FolderInputs({ dataRoot: root });
  const result = await inputs.pin(filesAt('train.jsonl'));
  if (!('dataset' in result)) throw new Error('not pinned');
  await rm(join(root, 'train.jsonl'));

  expect(await failureOf(inputs, result.dataset)).toEqual({ code: 'data_changed', message: expect.stringContaining('train.jsonl') });
});

test('hashes a file once, and again when it was written to or replaced', async () => {
  const root = await newFolder();
  const file = join(root, 'train.jsonl');
  const hash = vi.fn(hashFile);
  const inputs = new FolderInputs({ dataRoot: root, clock: LONG_SETTLED, hashFile: hash });
  const place = async (path: string, content: string): Promise<void> => {
    await writeFile(path, content);
    await utimes(path, 0, 0); // as tools do that copy a file with its times
  };
  const countHashes = async (): Promise<number> => {
    await inputs.pin(filesAt('train.jsonl'));
    return hash.mock.calls.length;
  };
  await place(file, 'rows');

  expect([await countHashes(), await countHashes()]).toEqual([1, 1]);

  await place(file, 'swor');
  expect([await countHashes(), await countHashes()]).toEqual([2, 2]);

  await place(join(root, 'other'), 'orws');
  await rename(join(root, 'other'), file);
  expect([await countHashes(), await countHashes()]).toEqual([3, 3]);
});

test('does not trust the hash of a file that was written a moment ago', async () => {
  const root = await newFolder();
  await writeFile(join(root, 'train.jsonl'), 'rows');
  const hash = vi.fn(hashFile);
  const inputs = new FolderInputs({ dataRoot: root, clock: NEVER_SETTLED, hashFile: hash });

  await inputs.pin(filesAt('train.jsonl'));
  await inputs.pin(filesAt('train.jsonl'));

  expect(hash).toHaveBeenCalledTimes(2);
});

test('fails for a file that is written to while it is read', async () => {
  const root = await newFolder();
  await writeFile(join(root, 'train.jsonl'), 'rows');
  const inputs = new FolderInputs({
    dataRoot: root,
    hashFile: async (path) => {
      await writeFile(path, 'rows and more');
      return hashFile(path);
    },
  });

  expect(await failureOf(inputs, filesAt('train.jsonl'))).toEqual({
    code: 'data_changed',
    message: expect.stringContaining('written to while it was read'),
  });
});

test('rows that were stored here are pinned by their hash, and checked again when a run goes on', async () => {
  const [dataRoot, contents] = [await newFolder(), await newFolder()];
  const links = new SignedLinks({ key: Buffer.alloc(32), clock: { now: Date.now } });
  const { sha256 } = await new FolderContents({ folder: contents, uploads: new FileUploads({ folder: contents, links }) }).put(
    '{"text":"a"}',
  );
  const inputs = new FolderInputs({ dataRoot, contents });

  const pinned = await inputs.pin(filesAt(`session:s-1@${sha256}`));

  if (!('dataset' in pinned)) throw new Error('it was not pinned');
  expect(pinned).toMatchObject({ dataset: { files: [{ path: 's-1.jsonl', sha256, sizeBytes: 12, split: 'train' }] } });
  expect(await inputs.pin(pinned.dataset)).toEqual(pinned);
  await writeFile(join(contents, `${sha256}.jsonl`), 'other');
  expect(await failureOf(new FolderInputs({ dataRoot, contents }), pinned.dataset)).toMatchObject({ code: 'data_changed' });
  await rm(join(contents, `${sha256}.jsonl`));
  expect(await failureOf(inputs, filesAt(`session:s-1@${sha256}`))).toMatchObject({ code: 'dataset_not_found' });
});
