/**
 * What it costs to load each function, as a fresh process does: the processor's time for the import, over what Node itself takes. In turns,
 * so that a busy machine is busy for all of them; the least of the rounds counts, which others disturb the least.
 */
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const SCRIPT = `
const before = process.cpuUsage();
await import(process.argv[1]);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1000);
process.exit(0);`;

/** @param files by name, absolute @returns milliseconds of processor time by name, the least of the rounds */
export function measureColdImports(
  files: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>>,
  rounds: number,
): Record<string, number> {
  const least: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, file] of Object.entries(files)) {
      const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', SCRIPT, pathToFileURL(file).href], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], ...environment },
      });
      if (status !== 0) throw new Error(`${name} cannot be loaded: ${stderr.slice(-2_000)}`);
      least[name] = Math.min(least[name] ?? Number.POSITIVE_INFINITY, Number(stdout));
    }
  }
  return least;
}
