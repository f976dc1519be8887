/** Node, Python, uv: what everything here is run by. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { REPOSITORY } from '../machine/repository.ts';
import type { Check, Finding } from './check.ts';
import { failed, ok, warning } from './check.ts';

const run = promisify(execFile);
const LIMIT_MILLIS = 10_000;
const NODE_LINE = 24;
const UV_VERSION = /UV_VERSION = '([\d.]+)'/;

export const checkPrograms: Check = {
  name: 'programs',
  find: async ({ variables }) => [checkNode(), ...(await Promise.all([checkPython(variables), checkUv(variables)]))],
};

function checkNode(): Finding {
  const [major] = process.versions.node.split('.');
  if (Number(major) === NODE_LINE) return ok('node', `${process.version} at ${process.execPath}`);
  return warning(
    'node',
    `${process.version}, and this was made for Node ${NODE_LINE}`,
    'run it by "npx tuneplane" or "npm run cli": they bring their own',
  );
}

/** @returns what a program prints; null where it is not there */
export async function versionOf(
  program: string,
  words: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  try {
    const { stdout } = await run(program, [...words], { timeout: LIMIT_MILLIS, env: { ...variables } });
    return stdout.trim();
  } catch {
    return null; // not installed, or broken: for a user the same
  }
}

async function checkPython(variables: Readonly<Record<string, string | undefined>>): Promise<Finding> {
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11']) {
    const found = await versionOf(name, ['-c', 'import sys; print("%d.%d.%d %s" % (*sys.version_info[:3], sys.executable))'], variables);
    const [, minor] = /^3\.(\d+)\./.exec(found ?? '') ?? [];
    if (found !== null && Number(minor) >= 11 && Number(minor) <= 13) return ok('python', found);
  }
  return failed(
    'python',
    'no Python 3.11 to 3.13 on the PATH',
    'install one: "apt install python3" on Debian, "brew install python@3.13" on macOS',
  );
}

/** The pinned one of this program, else one on the PATH. */
async function checkUv(variables: Readonly<Record<string, string | undefined>>): Promise<Finding> {
  const { readFile } = await import('node:fs/promises');
  const pinned = UV_VERSION.exec(await readFile(join(REPOSITORY, 'bin', 'bootstrap.mjs'), 'utf8'))?.[1] ?? 'unknown';
  const folder = join(REPOSITORY, '.tools', `uv-${pinned}`);
  const own = [join(folder, 'bin', 'uv'), join(folder, 'venv', 'bin', 'uv')].find((path) => existsSync(path));
  const found = await versionOf(own ?? 'uv', ['--version'], variables);
  if (found !== null) return ok('uv', `${found}${own ? '' : ' on the PATH'}`);
  return warning('uv', `uv ${pinned} is not installed yet`, 'it comes with "npm run setup"; it needs pip, venv or a uv on the PATH');
}
