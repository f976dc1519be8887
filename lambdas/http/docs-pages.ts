/**
 * /docs (Swagger UI) and /redoc (ReDoc) from files that we serve ourselves: no request leaves for anybody else's server, and the policy forbids it.
 * The scripts come from the installed packages, or, where the code is bundled, from a folder that holds them under the names below.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { RawReply } from './route.ts';
import { type RequestHeaders, type ServedFile, toFileReply, toServedFile } from './served-file.ts';

/** The only names that exist; whatever else is asked for is not found, so no path can lead anywhere. */
export const PACKAGE_FILES: Readonly<Record<string, { readonly source: string; readonly contentType: string }>> = {
  'swagger-ui.css': { source: 'swagger-ui-dist/swagger-ui.css', contentType: 'text/css; charset=utf-8' },
  'swagger-ui-bundle.js': { source: 'swagger-ui-dist/swagger-ui-bundle.js', contentType: 'text/javascript; charset=utf-8' },
  'favicon-32x32.png': { source: 'swagger-ui-dist/favicon-32x32.png', contentType: 'image/png' },
  'redoc.standalone.js': { source: 'redoc/bundles/redoc.standalone.js', contentType: 'text/javascript; charset=utf-8' },
};

/** Ours: what would else be an inline script. */
const START_SWAGGER = `window.ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  docExpansion: 'list',
  persistAuthorization: false,
  validatorUrl: null,
});
`;

/**
 * Styles may be inline: both pages write their own at run time. ReDoc searches in a worker made from a blob, and asks one picture
 * of its maker's server, which `img-src` stops.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  'worker-src blob:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const page = (title: string, head: string, body: string): RawReply => ({
  status: 200,
  contentType: 'text/html; charset=utf-8',
  headers: {
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  },
  raw: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title}</title>
    <link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
    ${head}
  </head>
  <body style="margin: 0">
    ${body}
  </body>
</html>
`,
});

export const swaggerPage = (): RawReply =>
  page(
    'Tuneplane: APIs',
    '<link rel="stylesheet" href="/docs/assets/swagger-ui.css">',
    '<div id="docs"></div>\n    <script src="/docs/assets/swagger-ui-bundle.js"></script>\n    <script src="/docs/assets/start-swagger.js"></script>',
  );

/** ReDoc 3 is an ES module that looks for its element by itself. */
export const redocPage = (): RawReply =>
  page(
    'Tuneplane: API reference',
    '<script type="module" src="/docs/assets/redoc.standalone.js"></script>',
    '<redoc spec-url="/openapi.json"></redoc>',
  );

export type ReadAsset = (name: string, headers: RequestHeaders) => Promise<RawReply | undefined>;

/** Their names never change, so a browser asks again after a day. */
const CACHE = 'public, max-age=86400';

/**
 * @param folder where the files lie under their own names; else they are looked for in node_modules
 * @returns a reader that keeps what it has read: 4 files, 3 MB, and as much again compressed
 */
export function createAssetReader(folder?: string): ReadAsset {
  const assets = new Map<string, Promise<ServedFile>>();
  return async (name, headers) => {
    const isOurs = name === 'start-swagger.js';
    if (!isOurs && !Object.hasOwn(PACKAGE_FILES, name)) return undefined;
    let loading = assets.get(name);
    if (!loading) {
      loading = isOurs ? toServedFile(Buffer.from(START_SWAGGER), 'text/javascript; charset=utf-8') : load(name, folder);
      assets.set(name, loading);
      loading.catch(() => assets.delete(name)); // the caller of this request gets the error; the next one may have more luck
    }
    return toFileReply(await loading, headers, CACHE);
  };
}

async function load(name: string, folder: string | undefined): Promise<ServedFile> {
  const file = PACKAGE_FILES[name];
  if (!file) throw new Error(`no such asset: ${name}`);
  const path = folder === undefined ? createRequire(import.meta.url).resolve(file.source) : join(folder, name);
  return await toServedFile(await readFile(path), file.contentType);
}
