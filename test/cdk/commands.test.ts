/** What the commands of a stage say before they ask AWS anything. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');

let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
beforeAll(async () => {
  folder = await makeTemporaryFolder();
});
afterAll(() => folder.remove());

/** Nobody's machine: no profile, no credentials, no metadata service. */
function run(...args: string[]): { code: number | null; said: string } {
  const env = {
    PATH: process.env['PATH'],
    HOME: folder.path,
    AWS_EC2_METADATA_DISABLED: 'true',
    NO_COLOR: '1',
    TUNEPLANE_SETTINGS: folder.path,
  };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['bin/aws.ts', ...args], { cwd: ROOT, env, encoding: 'utf8' });
  return { code: status, said: stdout + stderr };
}

test.each(['bootstrap', 'deploy', 'doctor', 'redrive', 'rotate-token', 'destroy'])(
  '%s says how it is called, and what a stage is',
  (command) => {
    const { code, said } = run(command, '--help');

    expect(code).toBe(0);
    expect(said).toContain(`Usage: npm run ${command} -- <stage>`);
    expect(said).toContain('settings/<stage>.yaml');
  },
);

test.each([
  ['no stage', ['deploy'], "missing required argument 'stage'\nsee npm run <command> -- --help"],
  ['a mistyped option', ['deploy', 'dev', '--pln'], "unknown option '--pln'\n(Did you mean --plan?)"],
  ['a mistyped command', ['doctr', 'dev'], "unknown command 'doctr'\n(Did you mean doctor?)"],
])('%s is asked wrongly, and says what would be right', (_, args, sentence) => {
  const { code, said } = run(...args);

  expect([code, said]).toEqual([2, expect.stringContaining(sentence)]);
});

test('what settings must be is said before AWS is asked, without a stack of calls', () => {
  writeFileSync(join(folder.path, 'dev.yaml'), 'netwrk: nat\n');

  const { code, said } = run('doctor', 'dev');

  expect(code).toBe(1);
  expect(said).toContain("dev.yaml is not what settings must be:\n  unknown key 'netwrk', did you mean 'network'");
  expect(said).not.toMatch(/^\s+at /m);
});

test('a machine without region or credentials is told so', () => {
  writeFileSync(join(folder.path, 'there.yaml'), 'region: eu-west-1\n');

  expect(run('doctor', 'nowhere').said).toContain("no region: set 'region' in the settings, AWS_REGION, or the region of your AWS profile");
  expect(run('doctor', 'there').said).toMatch(/AWS takes no credentials from here \(.+\): run "aws sso login" or set AWS_PROFILE/);
});
