/** The CDK's own command line, of the version in the lock. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CommandError } from './stage-context.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const CLI = join(dirname(createRequire(import.meta.url).resolve('aws-cdk/package.json')), 'bin', 'cdk');

/** Runs it to its end; what it says is shown. @throws CommandError where it fails */
export async function runCdk(args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...args, '--no-notices', '--no-version-reporting'], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, CDK_DISABLE_CLI_TELEMETRY: 'true' },
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new CommandError(`cdk ${args[0]} ended with ${code ?? 'a signal'}: see above`);
}
