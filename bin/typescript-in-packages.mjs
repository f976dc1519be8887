/**
 * Node runs TypeScript as it stands, but not below node_modules/. There, in a package that npm installed, this takes the types out as Node itself
 * would elsewhere: what runs is the same files, and nothing has to be built. Of this package alone.
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('..', import.meta.url).href;

registerHooks({
  load(url, context, next) {
    if (!url.startsWith(ROOT) || !url.endsWith('.ts')) return next(url, context);
    return {
      format: 'module',
      shortCircuit: true,
      source: stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'), { sourceUrl: url }),
    };
  },
});
