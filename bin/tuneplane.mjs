#!/usr/bin/env node
/** `npx tuneplane <command>`: `npm run cli -- <command>` without npm's own words. */
process.argv.splice(2, 0, 'cli');
await import('./bootstrap.mjs');
