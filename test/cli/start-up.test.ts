/** How the program starts: quickly, from anywhere, by npm and npx, and from a package that npm installed. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { COMMAND_TABLE } from '../../cli/command-table.ts';
import { readAnswer, until } from '../support/command-line.ts';
import { ScriptedPlane, scriptedVariables } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** Processes start slowly on a machine that others use, too. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const REPOSITORY = join(import.meta.dirname, '..', '..');
const BARE: Record<string, string> = { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' };

let folder: { path: string; remove: () => Promise<void> };
let plane: ScriptedPlane;
beforeAll(async () => {
  folder = await makeTemporaryFolder();
  BARE['npm_config_cache'] = join(folder.path, 'npm-cache');
  plane = await ScriptedPlane.start();
});
afterAll(async () => {
  await plane.close();
  await folder.remove();
});

/** What is loaded is what it costs: the schemas and their library take longer than all the rest of `--help`. */
test('help of any command loads neither schemas nor zod nor YAML', () => {
  const spy = join(folder.path, 'spy.mjs');
  writeFileSync(
    spy,
    `import { registerHooks } from 'node:module';
     import { appendFileSync } from 'node:fs';
     registerHooks({ load(url, context, next) { appendFileSync(process.env.SEEN, url + '\\n'); return next(url, context); } });`,
  );
  for (const words of [[], ...COMMAND_TABLE.map(({ name }) => [name])]) {
    const seen = join(folder.path, `seen-${words[0] ?? 'top'}`);
    execFileSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--import', spy, join(REPOSITORY, 'bin', 'tuneplane.ts'), ...words, '--help'],
      {
        env: { ...BARE, SEEN: seen },
        stdio: 'ignore',
      },
    );

    const heavy = readFileSync(seen, 'utf8')
      .split('\n')
      .filter((url) => /node_modules\/(zod|yaml)\/|\/surfaces\/|\/local\//.test(url));
    expect(heavy, words.join(' ')).toEqual([]);
  }
});

describe('in the repository', () => {
  test('npx tuneplane runs where its user stands, and answers nothing but the answer', async () => {
    const { stdout } = await promisify(execFile)('npx', ['tuneplane', 'ls', '--json', '--url', plane.url], {
      cwd: join(REPOSITORY, 'examples'),
      env: BARE,
    });

    expect(readAnswer('ls', stdout)).toEqual({ items: [], total: 0, next: null });
  });

  test('npm run cli takes paths from where its user stands, and passes the exit code on', async () => {
    const words = ['run', '-s', 'cli', '--', 'datasets', 'put', 'alpaca.jsonl', 'of-npm', '--json', '--url', plane.url];
    const { stdout } = await promisify(execFile)('npm', words, { cwd: join(REPOSITORY, 'examples'), env: BARE });
    const wrong = spawnSync('npm', ['run', '-s', 'cli', '--', 'lss'], { cwd: REPOSITORY, env: BARE, encoding: 'utf8' });

    expect(readAnswer('datasets put', stdout)).toMatchObject({ name: 'of-npm', rows: 600 });
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('"npm run cli -- --help"');
  });
});

const lockSchema = z.object({ packages: z.record(z.string(), z.object({ dev: z.boolean().optional() })) });
const packSchema = z.array(z.object({ filename: z.string(), files: z.array(z.object({ path: z.string() })) }));

/** As `npm install tuneplane.tgz` would leave it, with what it depends on and nothing that only its makers need. Nothing is fetched. */
function installPackage(): string {
  const [packed] = packSchema.parse(
    JSON.parse(
      execFileSync('npm', ['pack', '--json', '--pack-destination', folder.path], { cwd: REPOSITORY, env: BARE, encoding: 'utf8' }),
    ),
  );
  const modules = join(folder.path, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', join(folder.path, packed?.filename ?? ''), '-C', modules]);
  cpSync(join(modules, 'package'), join(modules, 'tuneplane'), { recursive: true });
  const { packages } = lockSchema.parse(JSON.parse(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8')));
  for (const [path, { dev }] of Object.entries(packages)) {
    if (dev || !path.startsWith('node_modules/') || path.lastIndexOf('node_modules/') > 0 || !existsSync(join(REPOSITORY, path))) continue;
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    symlinkSync(join(REPOSITORY, path), join(folder.path, path));
  }
  return join(modules, 'tuneplane');
}

describe('as a package', () => {
  let root: string;
  beforeAll(() => {
    root = installPackage();
  });
  const call = (words: readonly string[], variables: Readonly<Record<string, string>> = {}) =>
    promisify(execFile)(process.execPath, [join(root, 'bin', 'tuneplane.mjs'), ...words], {
      cwd: folder.path,
      env: { ...BARE, ...variables },
    });

  test('it holds what runs, and neither tests nor what was installed here', () => {
    expect(existsSync(join(root, 'trainer-image', 'trainer', 'supervisor.py'))).toBe(true);
    for (const path of ['test', '.tools', 'node_modules', 'trainer-image/.venv', 'trainer-image/tests', '.tuneplane'])
      expect(existsSync(join(root, path)), path).toBe(false);
  });

  test('commands run as they stand, on the Node that npm runs on and on the one that came along', async () => {
    const here = await call(['ls', '--json', '--url', plane.url]);
    const { stdout } = await promisify(execFile)('node', [join(root, 'bin', 'tuneplane.mjs'), 'ls', '--json', '--url', plane.url], {
      cwd: folder.path,
      env: BARE,
    });

    expect(readAnswer('ls', here.stdout)).toMatchObject({ next: null });
    expect(stdout).toBe(here.stdout);
    expect(here.stderr).toBe('');
  });

  test('data of its user are found, and a plane starts from it', async () => {
    writeFileSync(join(folder.path, 'mine.jsonl'), '{"text": "one"}\n');
    const dryRun = await call(['train', 'mine.jsonl', '--base', 'tiny-llama', '--dry-run', '--json', '--url', plane.url]);
    const entry = [
      '--disable-warning=ExperimentalWarning',
      '--import',
      join(root, 'bin', 'typescript-in-packages.mjs'),
      join(root, 'bin', 'tuneplane.ts'),
    ];
    const started = spawn(process.execPath, [...entry, 'start', '--json'], {
      cwd: folder.path,
      env: { ...BARE, ...scriptedVariables(folder.path, {}) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(started, 'exit');
    let output = '';
    started.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await until(() => output.includes('}'), 'the plane has said where it is');
    started.kill('SIGTERM');

    expect(await ended).toEqual([0, null]);
    expect(readAnswer('start', output)).toMatchObject({ home: join(folder.path, 'home'), unfinished_runs: 0 });
    expect(readAnswer('train', dryRun.stdout).upload).toMatchObject({ file: join(folder.path, 'mine.jsonl') });
  });
});
