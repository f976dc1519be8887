/** Completion: what may stand where the cursor is, and that real shells get it. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { COMMAND_TABLE } from '../../cli/command-table.ts';
import { callCommand } from '../support/command-line.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

/** Processes start slowly on a machine that others use, too. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const REPOSITORY = join(import.meta.dirname, '..', '..');
let plane: ScriptedPlane;
let folder: { path: string; remove: () => Promise<void> };
let runId: string;
beforeAll(async () => {
  folder = await makeTemporaryFolder();
  plane = await ScriptedPlane.start();
  runId = await plane.startJob({ max_steps: 1 });
  await plane.jobWhenDone(runId);
  await plane.request('PUT', '/datasets/poems', [{ text: 'one' }]);
  await plane.request('POST', '/api/sft/configs', { name: 'nightly', config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl' } });
});
afterAll(async () => {
  await plane.close();
  await folder.remove();
});

/** The words offered, without what they are. */
async function complete(...words: string[]): Promise<string[]> {
  const { output } = await callCommand(['complete-words', '--', ...words], { variables: { TUNEPLANE_URL: plane.url } });
  return output.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0] ?? '']));
}

describe('words', () => {
  test('commands', async () => {
    expect(await complete('')).toEqual(COMMAND_TABLE.map(({ name }) => name));
    expect(await complete('p')).toEqual(['ps', 'pause', 'projects', 'providers', 'profiles']);
    expect(await complete('--debug', 'l')).toEqual(['ls', 'logs']);
    expect(await complete('datasets', '')).toEqual(['ls', 'show', 'put']);
  });

  test('options of the command and of the program', async () => {
    expect(await complete('list', '--st')).toEqual(['--state']);
    expect(await complete('logs', '--t')).toEqual(['--tail', '--timestamps']);
    expect(await complete('logs', '--u')).toEqual(['--until', '--url']);
    expect(await complete('artifacts', 'download', '--o')).toEqual(['--output']);
  });

  test('values of options, after a space or a =', async () => {
    expect(await complete('ls', '--state', 'r')).toEqual(['running']);
    expect(await complete('ls', '--state=r')).toEqual(['--state=running']);
    expect(await complete('train', '--lr-scheduler', 'co')).toEqual(['cosine', 'constant', 'constant_with_warmup']);
    expect(await complete('tag', runId, 'r')).toEqual(['release']);
  });

  test('runs of the plane, wherever a run may stand', async () => {
    expect(await complete('show', '')).toEqual(['last', runId]);
    expect(await complete('artifacts', 'run_')).toEqual([runId]);
    expect(await complete('artifacts', 'download', 'run_')).toEqual([runId]);
    expect(await complete('stop', runId, 'run_')).toEqual([runId]);
    expect(await complete('show', runId, '')).toEqual([]);
  });

  test('saved configurations, datasets and files', async () => {
    expect(await complete('train', '')).toEqual(['nightly', ':files']);
    expect(await complete('train', '--data', 'data')).toEqual(['dataset:poems', ':files']);
    expect(await complete('configs', 'show', '')).toEqual(['nightly']);
    expect(await complete('datasets', 'put', '')).toEqual([':files']);
  });

  test('a plane that is away, and words that are none, offer nothing and are no error', async () => {
    const away = await callCommand(['complete-words', '--', 'show', ''], { variables: { TUNEPLANE_URL: 'http://127.0.0.1:1' } });

    expect(away).toEqual({ code: 0, output: '', errors: '' });
    expect(await complete('nonsense', 'x')).toEqual([]);
    expect(await complete('ls', '--nonsense=')).toEqual([]);
  });
});

/** A folder with `tuneplane` in it, for shells that look on the PATH. */
function shellVariables(): NodeJS.ProcessEnv {
  const bin = join(folder.path, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, 'tuneplane'),
    `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${join(REPOSITORY, 'bin', 'tuneplane.ts')}" "$@"\n`,
    { mode: 0o755 },
  );
  return { PATH: `${bin}:${process.env['PATH']}`, HOME: folder.path, TUNEPLANE_URL: plane.url, TERM: 'xterm' };
}
/** Where nothing may be left out (.ci/run), a shell that is not there fails. */
const isThere = (shell: string): boolean =>
  process.env['TUNEPLANE_SHELLS'] === 'required' || spawnSync(shell, ['-c', 'exit 0']).status === 0;
/** Not synchronously: the plane that is asked lives in this process. @returns the lines that it printed */
async function run(shell: string, script: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)(shell, ['-c', script], { env: shellVariables(), cwd: folder.path });
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, values behind a = and a colon, runs and files', async () => {
  writeFileSync(join(folder.path, 'run.yaml'), '');
  const tab = (words: string): string =>
    `COMP_WORDS=(${words}); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); _tuneplane_complete 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"; echo -;`;

  const offered = await run(
    'bash',
    `eval "$(tuneplane completion bash)"; ${tab('tuneplane pro')} ${tab("tuneplane ls --state '=' r")} ${tab("tuneplane train --data dataset ':' po")} ${tab('tuneplane show run_')} ${tab('tuneplane train run.')}`,
  );

  expect(offered.join(' ').split(' -')).toEqual(['projects providers profiles', ' running', ' poems', ` ${runId}`, ' run.yaml', '']);
});

test('bash evaluates nothing of what was typed', async () => {
  const offered = await run(
    'bash',
    `eval "$(tuneplane completion bash)"; COMP_WORDS=(tuneplane show '$(touch evil)' ''); COMP_CWORD=3; _tuneplane_complete 2>/dev/null; ls`,
  );

  expect(offered).not.toContain('evil');
});

test('bash can be told twice, as a shell that reads its settings again does', () => {
  const { status, stderr } = spawnSync('bash', ['-c', 'eval "$(tuneplane completion bash)"; eval "$(tuneplane completion bash)"'], {
    env: shellVariables(),
    encoding: 'utf8',
  });

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test.skipIf(!isThere('fish'))('fish completes commands, runs and files (skipped where fish is not installed)', async () => {
  writeFileSync(join(folder.path, 'run.yaml'), '');

  const offered = await run(
    'fish',
    `tuneplane completion fish | source; complete -C 'tuneplane pro'; complete -C 'tuneplane show run_'; complete -C 'tuneplane train run.'`,
  );

  expect(offered.map((line) => line.split('\t')[0])).toEqual(['profiles', 'projects', 'providers', runId, 'run.yaml']);
});

test.skipIf(!isThere('zsh'))('zsh gets commands, runs and files (skipped where zsh is not installed)', async () => {
  const tab = (words: string): string => `words=(tuneplane ${words}); CURRENT=$#words; _tuneplane; print -r -- ';';`;

  const offered = await run(
    'zsh',
    `compdef() { print -r -- "for $2" }
     _describe() { print -rl -- "\${(@P)4}" }
     _files() { print -r -- FILES }
     eval "$(tuneplane completion zsh)"
     ${tab('quick')} ${tab('ls --state=r')} ${tab('show run_')} ${tab('train --data dataset:')} ${tab("'' ''")}`,
  );

  const about = (line: string): string => line.replace(/(?<!\\):.*/, '');
  expect(offered.map(about).join(' ').split(' ;')).toEqual([
    'for tuneplane quickstart',
    ' --state=running',
    ` ${runId}`,
    ' dataset\\:poems FILES',
    '',
    '',
  ]);
});
