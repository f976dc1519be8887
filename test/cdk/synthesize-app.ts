/** The app as the CDK's command line runs it, in a process of its own, with every check. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';

const ROOT = join(import.meta.dirname, '..', '..');
export const ACCOUNT = '123456789012';
export const REGION = 'us-east-1';

/**
 * @param folder absolute: `settings/` in it may hold the stage's file
 * @returns where the templates are
 * @throws where a check finds something: its message has what
 */
export async function synthesizeApp(stage: string, folder: string): Promise<string> {
  const out = join(folder, stage);
  const { context } = z.object({ context: z.unknown() }).parse(JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')));
  const env = {
    PATH: process.env['PATH'],
    TUNEPLANE_STAGE: stage,
    TUNEPLANE_SETTINGS: join(folder, 'settings'),
    CDK_OUTDIR: out,
    CDK_CONTEXT_JSON: JSON.stringify(context),
    CDK_DEFAULT_ACCOUNT: ACCOUNT,
    CDK_DEFAULT_REGION: REGION,
  };
  await promisify(execFile)(process.execPath, ['bin/aws-app.ts'], { cwd: ROOT, env });
  return out;
}
