/** Writes what is derived: the run folder's JSON Schemas, the OpenAPI and AsyncAPI documents, the example notebook, the command line's words and page. `--check` writes nothing and fails where a file is behind. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { answerSchemas } from '../cli/answer-schemas.ts';
import { plainWords } from '../cli/plain-words.ts';
import { PUBLIC_EVENTS } from '../lambdas/domain/public-events.ts';
import { RUN_FOLDER_SCHEMAS } from '../lambdas/domain/run-folder.ts';
import { buildAsyncApi } from '../lambdas/http/asyncapi.ts';
import { buildOpenApi } from '../lambdas/http/openapi.ts';
import { API_SURFACES } from '../lambdas/surfaces/api-surfaces.ts';
import { CHANNELS } from '../lambdas/surfaces/channels.ts';
import { createPlatformSurface } from '../lambdas/surfaces/platform/surface.ts';
import { nistReportFile, settingsExampleFile, settingsSchemaFile } from './aws/generated-files.ts';

const root = new URL('..', import.meta.url).pathname;

function generatedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const [name, schema] of Object.entries(RUN_FOLDER_SCHEMAS)) {
    files.set(`trainer-image/trainer/schemas/${name}.schema.json`, `${JSON.stringify(z.toJSONSchema(schema, { io: 'input' }), null, 2)}\n`);
  }
  const surfaces = [createPlatformSurface([], { tokens: ['any'], allowedOrigins: [] }), ...API_SURFACES];
  files.set('docs/openapi.json', `${JSON.stringify(buildOpenApi(surfaces), null, 2)}\n`);
  for (const [detailType, schema] of Object.entries(PUBLIC_EVENTS)) {
    const name = detailType.toLowerCase().replaceAll(' ', '-');
    files.set(`docs/events/${name}.schema.json`, `${JSON.stringify(toOpenSchema(schema), null, 2)}\n`);
  }
  files.set('settings/stage.schema.json', settingsSchemaFile());
  files.set('settings/example.yaml', settingsExampleFile());
  files.set('docs/nist-800-53.md', nistReportFile());
  files.set('cli/words.json', `${JSON.stringify(plainWords(), null, 2)}\n`);
  files.set('docs/cli-answers.schema.json', `${JSON.stringify(answerSchemas(), null, 2)}\n`);
  files.set('docs/asyncapi.json', `${JSON.stringify(buildAsyncApi(CHANNELS), null, 2)}\n`);
  files.set('examples/python/fine_tune.ipynb', toNotebook(readFileSync(`${root}examples/python/fine_tune.py`, 'utf8')));
  return files;
}

/** Events may grow fields: whoever checks them must not refuse one for it. */
function toOpenSchema(schema: z.ZodType): unknown {
  const override = ({ jsonSchema }: { jsonSchema: { additionalProperties?: unknown } }): void => {
    if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
  };
  return z.toJSONSchema(schema, { io: 'output', override });
}

/** A script in the percent format (`# %%`, `# %% [markdown]`) as a Jupyter notebook of format 4.5. */
function toNotebook(script: string): string {
  const cells = script.split(/^# %%/m).slice(1);
  return `${JSON.stringify(
    {
      cells: cells.map((cell, index) => {
        const isMarkdown = cell.startsWith(' [markdown]');
        const body = cell.slice(cell.indexOf('\n') + 1).trim();
        const source = isMarkdown ? body.replace(/^# ?/gm, '') : body;
        const shared = { id: `cell-${index + 1}`, metadata: {}, source: source.split(/(?<=\n)/) };
        return isMarkdown ? { cell_type: 'markdown', ...shared } : { cell_type: 'code', execution_count: null, outputs: [], ...shared };
      }),
      metadata: { kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' }, language_info: { name: 'python' } },
      nbformat: 4,
      nbformat_minor: 5,
    },
    null,
    1,
  )}\n`;
}

const check = process.argv.includes('--check');
const behind: string[] = [];
for (const [path, content] of generatedFiles()) keep(path, content);
// The commands read cli/words.json when they are loaded, so they are loaded when it is written.
const { describeCommands } = await import('../cli/command-page.ts');
keep('docs/cli.md', await describeCommands());

function keep(path: string, content: string): void {
  const target = root + path;
  let present = '';
  try {
    present = readFileSync(target, 'utf8');
  } catch {
    // a file that is not there is behind
  }
  if (present === content) return;
  behind.push(path);
  if (check) return;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
}
if (check && behind.length > 0) {
  console.error(`behind the code, run "npm run generate": ${behind.join(', ')}`);
  process.exitCode = 1;
} else {
  console.log(check ? 'generated files are up to date' : `written: ${behind.length} file(s)`);
}
