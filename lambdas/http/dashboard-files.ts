/**
 * The dashboard as it was built (`bin/build-web.ts`): `index.html` and `assets/<name>-<hash>.<ext>`. On AWS the same folder lies in S3 behind
 * the same front door. A name with a hash never means other bytes, so a browser keeps it for a year; the page itself is asked for again.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { RawReply } from './route.ts';
import { type RequestHeaders, type ServedFile, toFileReply, toServedFile } from './served-file.ts';

/**
 * What the page may do: run and show its own files, and speak to the plane that served it, by WebSocket too. Nothing inline, nothing from
 * anybody else. On AWS the front door must send the same for `/`, with the bucket that signed links lead to.
 * @param uploadOrigins where the page puts large data sets beside the plane itself: `https://bucket.s3.eu-west-1.amazonaws.com`
 */
export const dashboardPolicy = (uploadOrigins: readonly string[] = []): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    ['connect-src', "'self'", ...uploadOrigins].join(' '),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');

const PAGE_HEADERS = {
  'content-security-policy': dashboardPolicy(),
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
} as const;
const HTML = 'text/html; charset=utf-8';
/** The page is asked for again each time; a name with a hash is kept for a year. */
const CACHE_CONTROL = { page: 'no-cache', asset: 'public, max-age=31536000, immutable' } as const;
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface DashboardFile {
  /** `index.html`, `assets/app-3F2A.js` */
  readonly name: string;
  readonly contentType: string;
  readonly cacheControl: string;
}

/** What a folder holds, the page last: who puts them somewhere in this order never has a page that names what is not there. */
export async function listDashboardFiles(folder: string): Promise<DashboardFile[]> {
  const assets = await readdir(join(folder, 'assets'));
  return [
    ...assets.map((name) => ({ name: `assets/${name}`, contentType: contentTypeOf(name), cacheControl: CACHE_CONTROL.asset })),
    { name: 'index.html', contentType: HTML, cacheControl: CACHE_CONTROL.page },
  ];
}

const contentTypeOf = (name: string): string => CONTENT_TYPES[extname(name)] ?? 'application/octet-stream';

export interface DashboardFiles {
  /** The page; undefined where no dashboard was built. */
  page(headers: RequestHeaders): Promise<RawReply | undefined>;
  asset(name: string, headers: RequestHeaders): Promise<RawReply | undefined>;
}

interface Loaded {
  readonly page: ServedFile;
  readonly assets: ReadonlyMap<string, ServedFile>;
}

/** @param folder what was built; read whole at the first request, and again until it is there: 4 files, 250 KB */
export function createDashboardFiles(folder: string | undefined): DashboardFiles {
  let loaded: Loaded | null = null;
  const files = async (): Promise<Loaded | null> => {
    if (folder !== undefined) loaded ??= await load(folder);
    return loaded;
  };
  return {
    page: async (headers) => {
      const page = (await files())?.page;
      return page && toFileReply(page, headers, CACHE_CONTROL.page, PAGE_HEADERS);
    },
    asset: async (name, headers) => {
      const asset = (await files())?.assets.get(name); // only names that were found: no path leads anywhere
      return asset && toFileReply(asset, headers, CACHE_CONTROL.asset);
    },
  };
}

async function load(folder: string): Promise<Loaded | null> {
  try {
    const page = await toServedFile(await readFile(join(folder, 'index.html')), HTML);
    const names = await readdir(join(folder, 'assets'));
    const assets = await Promise.all(
      names.map(async (name) => {
        return [name, await toServedFile(await readFile(join(folder, 'assets', name)), contentTypeOf(name))] as const;
      }),
    );
    return { page, assets: new Map(assets) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
