/**
 * Builds the dashboard: `node bin/build-web.ts [folder]`, by default web/dist. What comes out is plain static files, the same for the plane on
 * one machine and for S3: index.html, and assets/ whose names hold a hash of their content. bin/bootstrap.mjs calls it when a source changed.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Metafile } from 'esbuild';

const REPOSITORY = join(import.meta.dirname, '..');
const SOURCES = join(REPOSITORY, 'web');

/** Whole or not at all: it is written beside the folder and renamed. @returns what went into which file */
export async function buildWeb(folder: string): Promise<Metafile> {
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    const { metafile } = await build({
      entryPoints: { app: 'app.tsx', theme: 'theme/first-theme.ts', icon: 'icon.svg' },
      absWorkingDir: SOURCES,
      outdir: fresh,
      entryNames: 'assets/[name]-[hash]',
      chunkNames: 'assets/part-[hash]',
      bundle: true,
      splitting: true,
      charset: 'utf8',
      minify: true,
      format: 'esm',
      target: 'es2022',
      jsx: 'automatic',
      jsxImportSource: 'preact',
      loader: { '.svg': 'copy' },
      legalComments: 'eof',
      metafile: true,
      logLevel: 'warning',
    });
    writeFileSync(join(fresh, 'index.html'), fillPage(readFileSync(join(SOURCES, 'index.html'), 'utf8'), metafile));
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
    return metafile;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** `%app.js%` in the page becomes `/assets/app-3F2A.js`. @throws Error where the page names what was not built */
function fillPage(page: string, { outputs }: Metafile): string {
  const built = new Map(Object.keys(outputs).map((path) => [path.replace(/^.*\/assets\/(\w+)-\w+(\.\w+)$/, '$1$2'), path]));
  return page.replaceAll(/%([\w.]+)%/g, (_, name: string) => {
    const path = built.get(name);
    if (path === undefined) throw new Error(`web/index.html names '${name}', built were ${[...built.keys()].join(', ')}`);
    return `/assets/${path.slice(path.lastIndexOf('/') + 1)}`;
  });
}

if (process.argv[1] === import.meta.filename) {
  const folder = process.argv[2] ?? join(SOURCES, 'dist');
  mkdirSync(dirname(folder), { recursive: true });
  await buildWeb(folder);
}
