/** What only a folder of this machine promises: temporary files stay unseen, links lead nowhere, published folders change in one step. */
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { OutsideDataRoot } from '#local/data-root.ts';
import { FolderArtifacts } from '#local/folder-artifacts.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const PREFIX = 'runs/run_1/framework=hf/artifacts/run_1/adapter/';

/** Run folders outside the data root, so that published paths cannot lie below it by chance. */
async function openArtifacts() {
  const [home, dataRoot] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
  onTestFinished(home.remove);
  onTestFinished(dataRoot.remove);
  const root = join(home.path, 'artifacts');
  return { root, dataRoot: dataRoot.path, artifacts: new FolderArtifacts({ root, dataRoot: dataRoot.path }) };
}

test('tells where a key or a folder lies', async () => {
  const { artifacts, root } = await openArtifacts();

  expect(artifacts.locate('runs/run_1/framework=hf')).toBe(join(root, 'runs/run_1/framework=hf'));
  expect(artifacts.locate('config/run.json')).toBe(join(root, 'config/run.json'));
});

test('leaves nothing but the file itself behind', async () => {
  const { artifacts, root } = await openArtifacts();

  await artifacts.put('a/b.json', '1');
  await artifacts.put('a/b.json', '2');
  await artifacts.putIfAbsent('a/b.json', '3');

  expect(await readdir(join(root, 'a'))).toEqual(['b.json']);
});

test('does not list what a crash left half written, nor follows links', async () => {
  const { artifacts, root, dataRoot } = await openArtifacts();
  await artifacts.put('a/whole.json', '{}');
  await writeFile(join(root, 'a/.put-0b0e6f3a-7f0e-4a53-8d3e-1d6a2f4c9b10'), '{"ha');
  await writeFile(join(dataRoot, 'elsewhere.json'), '{}');
  await symlink(dataRoot, join(root, 'a/link'));
  await symlink(join(dataRoot, 'elsewhere.json'), join(root, 'a/link.json'));

  expect(await artifacts.list('a/')).toEqual(['a/whole.json']);
});

test('verifies no folder or link loop as a file', async () => {
  const { artifacts, root } = await openArtifacts();
  await mkdir(join(root, 'a/folder'), { recursive: true });

  expect(await artifacts.verify('a/', [{ path: 'folder', sizeBytes: 0, sha256: '0'.repeat(64) }])).toBe("'folder' is not a file");
});

test('publishes in the folder as its user spells it, else where it is stored', async () => {
  const { artifacts, root, dataRoot } = await openArtifacts();
  await artifacts.put(`${PREFIX}weights`, 'w');
  const below = new FolderArtifacts({ root: join(dataRoot, '.tuneplane/artifacts'), dataRoot });
  await below.put(`${PREFIX}weights`, 'w');

  expect(await artifacts.publish(PREFIX, null)).toBe(join(root, PREFIX.slice(0, -1)));
  expect(await below.publish(PREFIX, null)).toBe(`.tuneplane/artifacts/${PREFIX.slice(0, -1)}`);
  expect(await artifacts.publish(PREFIX, './outputs/poems')).toBe('./outputs/poems/adapter');
  expect(await artifacts.publish(PREFIX, join(dataRoot, 'outputs/by-full-path/'))).toBe(join(dataRoot, 'outputs/by-full-path/adapter'));
  expect(await artifacts.publish(PREFIX, '.')).toBe('./adapter');
});

test('refuses an output folder outside the data root, by dots and by links, and writes nothing', async () => {
  const { artifacts, root, dataRoot } = await openArtifacts();
  await artifacts.put(`${PREFIX}weights`, 'w');
  const outside = await makeTemporaryFolder();
  onTestFinished(outside.remove);
  await symlink(outside.path, join(dataRoot, 'way-out'));
  await symlink(join(outside.path, 'not-there'), join(dataRoot, 'dead-way-out'));
  await symlink(`${dataRoot}/../`, join(dataRoot, 'up'));

  for (const outputDir of [
    '../x',
    '/etc/x',
    root,
    'way-out',
    'way-out/deeper/still',
    'dead-way-out',
    'dead-way-out/deeper',
    'up',
    `up/${outside.path.split('/').at(-1)}`,
  ]) {
    await expect(artifacts.publish(PREFIX, outputDir), outputDir).rejects.toThrow(OutsideDataRoot);
  }
  expect(await readdir(outside.path)).toEqual([]);
});

test('shows this process the older or the newer folder while it is replaced, never a half', async () => {
  const { artifacts, dataRoot } = await openArtifacts();
  const versions = ['one', 'two', 'three', 'four'];
  for (const version of versions) {
    await artifacts.put(`${version}/adapter/a`, version);
    await artifacts.put(`${version}/adapter/b`, version);
  }
  await artifacts.publish('one/adapter/', 'outputs');
  let done = false;
  const seen: string[] = [];

  const reader = (async () => {
    while (!done) seen.push(await readFile(join(dataRoot, 'outputs/adapter/b'), 'utf8'));
  })();
  for (const version of versions) await artifacts.publish(`${version}/adapter/`, 'outputs');
  done = true;
  await reader;

  for (const text of seen) expect(versions).toContain(text);
  expect(await readdir(join(dataRoot, 'outputs'))).toEqual(['adapter']);
});

test('mends what a crash left in the output folder', async () => {
  const { artifacts, dataRoot } = await openArtifacts();
  await artifacts.put(`${PREFIX}weights`, 'new');
  for (const leftover of ['.adapter.incoming', '.adapter.outgoing']) {
    await mkdir(join(dataRoot, 'outputs', leftover), { recursive: true });
    await writeFile(join(dataRoot, 'outputs', leftover, 'half'), 'x');
  }

  await artifacts.publish(PREFIX, 'outputs');

  expect(await readdir(join(dataRoot, 'outputs'), { recursive: true })).toEqual(['adapter', 'adapter/weights']);
});

test('replaces a link of that name without touching what it leads to', async () => {
  const { artifacts, dataRoot } = await openArtifacts();
  await artifacts.put(`${PREFIX}weights`, 'new');
  await mkdir(join(dataRoot, 'precious'));
  await writeFile(join(dataRoot, 'precious/weights'), 'precious');
  await mkdir(join(dataRoot, 'outputs'));
  await symlink(join(dataRoot, 'precious'), join(dataRoot, 'outputs/adapter'));

  await artifacts.publish(PREFIX, 'outputs');

  expect(await readFile(join(dataRoot, 'precious/weights'), 'utf8')).toBe('precious');
  expect(await readFile(join(dataRoot, 'outputs/adapter/weights'), 'utf8')).toBe('new');
});

test('publishes into one output folder one after the other', async () => {
  const { artifacts, dataRoot } = await openArtifacts();
  const names = ['one', 'two', 'three'];
  for (const name of names) for (const file of ['a', 'b']) await artifacts.put(`${name}/adapter/${file}`, name);

  await Promise.all(names.map((name) => artifacts.publish(`${name}/adapter/`, 'outputs')));

  const files = await Promise.all(['a', 'b'].map((file) => readFile(join(dataRoot, 'outputs/adapter', file), 'utf8')));
  expect(new Set(files).size).toBe(1);
});

test('publishes nothing where there is nothing, keeps what was there, and goes on', async () => {
  const { artifacts, dataRoot } = await openArtifacts();
  await artifacts.put(`${PREFIX}weights`, 'w');
  await artifacts.publish(PREFIX, 'outputs');

  await expect(artifacts.publish('runs/run_2/', 'outputs')).rejects.toThrow(/nothing to publish/);

  expect(await readFile(join(dataRoot, 'outputs/adapter/weights'), 'utf8')).toBe('w');
  await rm(join(dataRoot, 'outputs'), { recursive: true });
  expect(await artifacts.publish(PREFIX, 'outputs')).toBe('outputs/adapter');
});

describe('a base that a user names', () => {
  test.each([
    ['./runs', 'data-root/runs'],
    ['runs/deep/', 'data-root/runs/deep'],
    ['.', 'data-root'],
  ])('%s is a folder of the data root', async (base, key) => {
    const { artifacts, dataRoot } = await openArtifacts();

    expect(await artifacts.placeBase(base)).toEqual({ key, note: null });
    await artifacts.put(`${key}/run/x.json`, '{}');
    expect(await readFile(join(dataRoot, base, 'run/x.json'), 'utf8')).toBe('{}');
  });

  test('may be a file: URL of this machine', async () => {
    const { artifacts, dataRoot } = await openArtifacts();

    expect(await artifacts.placeBase(`file://${dataRoot}/runs`)).toEqual({ key: 'data-root/runs', note: null });
  });

  test('that is a bucket is kept in a folder beside the root, and says so', async () => {
    const { artifacts, root } = await openArtifacts();

    const place = await artifacts.placeBase('s3://bucket/some/prefix/');

    expect(place).toEqual({ key: 's3/bucket/some/prefix', note: expect.stringContaining(join(root, '..', 's3', 'bucket/some/prefix')) });
  });

  test.each(['../out', '/etc', 'file:///etc', 'ftp://x/y', 'file://other-host/x', 's3://b/../c', 's3://', 'a\0b', 'a\\b'])(
    '%j is refused with a sentence',
    async (base) => {
      const { artifacts } = await openArtifacts();

      expect(await artifacts.placeBase(base)).toEqual({ problem: expect.stringMatching(/^must /) });
    },
  );

  test('that leads out by a link is refused', async () => {
    const { artifacts, dataRoot } = await openArtifacts();
    const outside = await makeTemporaryFolder();
    onTestFinished(outside.remove);
    await symlink(outside.path, join(dataRoot, 'link'));

    expect(await artifacts.placeBase('link/runs')).toEqual({ problem: expect.stringContaining('must stay below the data root') });
  });
});
