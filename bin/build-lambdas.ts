/**
 * Bundles every function of the AWS home in one go: `dist/lambdas/<name>.mjs`, each with a `handler`, beside the chunks that they share. One
 * folder is the code of all functions. What a function loads only when it needs it (an adapter with its client) is a chunk of its own. The
 * pages of /docs and /redoc and the dashboard lie in the same folder.
 *
 *   node bin/build-lambdas.ts        writes dist/lambdas
 */
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { PACKAGE_FILES } from '../lambdas/http/docs-pages.ts';
import { buildWeb } from './build-web.ts';

const ROOT = join(import.meta.dirname, '..');
const ENTRIES = join(ROOT, 'lambdas', 'aws', 'entries');
const SUFFIX = '.lambda.ts';

export interface LambdaBundles {
  /** absolute: the code of every function */
  readonly folder: string;
  /** names of functions: `<name>.handler` is the handler */
  readonly names: readonly string[];
  readonly metafile: Metafile;
}

/** @param folder absolute; what is there is removed first. Default: dist/lambdas */
export async function buildLambdas(folder = join(ROOT, 'dist', 'lambdas')): Promise<LambdaBundles> {
  const names = (await readdir(ENTRIES))
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
  await rm(folder, { recursive: true, force: true });
  const metafile = await bundleEntries(
    names.map((name) => ({ in: join(ENTRIES, name + SUFFIX), out: name })),
    folder,
  );
  await copyPages(join(folder, 'pages'));
  await buildWeb(join(folder, 'dashboard'));
  return { folder, names, metafile };
}

const LAMBDA_CREDENTIALS = { '@aws-sdk/credential-provider-node': join(ROOT, 'lambdas', 'aws', 'lambda-credentials.ts') };

/**
 * @param entries absolute paths, and the names of the bundles
 * @param alias packages that are taken from elsewhere; default: credentials are those that Lambda sets, and no other way to them is loaded
 */
export async function bundleEntries(
  entries: readonly { in: string; out: string }[],
  folder: string,
  alias: Readonly<Record<string, string>> = LAMBDA_CREDENTIALS,
): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [...entries],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Node's own default takes packages' CommonJS first, which cannot be shaken: twice the size.
    mainFields: ['module', 'main'],
    minify: true,
    alias: { ...alias },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

/** The files of /docs and /redoc, which come from packages. */
async function copyPages(folder: string): Promise<void> {
  const { resolve } = createRequire(import.meta.url);
  await mkdir(folder, { recursive: true });
  for (const [name, { source }] of Object.entries(PACKAGE_FILES)) await copyFile(resolve(source), join(folder, name));
}

if (import.meta.main) {
  const { folder, names } = await buildLambdas();
  console.log(`${names.length} functions in ${folder}`);
}
