/** Writes what is derived from the code: the run folder's JSON Schemas. `--check` writes nothing and fails where a file is behind. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { RUN_FOLDER_SCHEMAS } from '../lambdas/domain/run-folder.ts';

const root = new URL('..', import.meta.url).pathname;

function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const [name, schema] of Object.entries(RUN_FOLDER_SCHEMAS)) {
    files.set(`trainer-image/trainer/schemas/${name}.schema.json`, `${JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), null, 2)}\n`);
  }
  return files;
}

const check = process.argv.includes('--check');
const behind: string[] = [];
for (const [path, content] of generatedFiles()) {
  const target = root + path;
  let present = '';
  try {
    present = readFileSync(target, 'utf8');
  } catch {
    // a file that is not there is behind
  }
  if (present === content) continue;
  behind.push(path);
  if (check) continue;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
}
if (check && behind.length > 0) {
  console.error(`behind the code, run "npm run generate": ${behind.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log(check ? 'generated files are up to date' : `written: ${behind.length} file(s)`);
}
