/**
 * `npm run bench:web`: the dashboard with 5,000 runs, and with a run of 1,000,000 log lines and 1,000,000 steps, in Debian's Chromium on this
 * machine. The data is written straight into a home (bench/web-home.ts); pages are measured on a real plane, parts alone.
 *
 *   --rounds 5   how often the first page is opened, each time in a fresh profile
 */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PlaneProcess } from '../test/support/plane-process.ts';
import { launchBrowser } from '../test/web/browser.ts';
import { type FrameFigures, measurePages, measureParts, readRuns } from './web-browser.ts';
import { writeHome } from './web-home.ts';

const RUNS = 5_000;
const LINES = 1_000_000;
const STEPS = 1_000_000;

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } });
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 50)) throw new Error(`--rounds takes 1 to 50, got ${values.rounds}`);

const repository = join(import.meta.dirname, '..');
const parent = join(repository, '.tuneplane');
mkdirSync(parent, { recursive: true });
const folder = mkdtempSync(join(parent, 'bench-web-'));
try {
  const began = performance.now();
  const home = join(folder, 'home');
  const big = await writeHome(home, { runs: RUNS, lines: LINES, steps: STEPS });
  console.log(
    `${RUNS.toLocaleString('en')} runs, ${LINES.toLocaleString('en')} lines and ${STEPS.toLocaleString('en')} steps, written in ${Math.round((performance.now() - began) / 1_000)} s`,
  );
  const plane = await PlaneProcess.start({ PATH: process.env['PATH'] ?? '', PORT: '0', TUNEPLANE_HOME: home, TUNEPLANE_DATA_ROOT: folder });
  const browser = await launchBrowser();
  try {
    console.log(
      `Chromium ${browser.version()}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(2)}; ${rounds} rounds, medians\n`,
    );
    const pages = await measurePages(browser, plane.url, big, rounds);
    const some = readRuns(await (await fetch(`${plane.url}/runs?limit=1000`)).text()).filter(({ id }) => id !== big.id);
    const all = Array.from({ length: RUNS }, (_, index) => some.slice(index % some.length, (index % some.length) + 1)).flat();
    const parts = await measureParts(
      browser,
      all.map((run, index) => ({ ...run, id: `run_${String(index).padStart(26, '0')}` })),
    );
    say('first contentful paint', pages.firstPaintMillis, 1_000);
    say('the first rows are there', pages.firstRowsMillis, 1_000);
    say(`all ${RUNS.toLocaleString('en')} runs are loaded`, pages.allLoadedMillis);
    saySmooth('the list, scrolled through in 300 frames', pages.listScroll);
    say('one report of one run, its row drawn', parts.rowMillis, 1);
    say('the end of the log is there, after a jump', pages.logEndMillis);
    saySmooth('the log, scrolled through in 300 frames', pages.logScroll);
    say('the curve of 1,000,000 steps is drawn', pages.curveMillis, 1_000);
    say('one more point on a curve of 1,000', parts.curveMillis, 16);
    say('one more point on 8 curves of 500', parts.comparisonMillis, 16);
  } finally {
    await browser.close();
    await plane.kill('SIGTERM');
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
  try {
    rmdirSync(parent);
  } catch {
    // somebody's home lies there too
  }
}

function say(what: string, millis: number, goal?: number): void {
  const word = goal === undefined ? '    ' : millis < goal ? 'PASS' : 'MISS';
  const is = `${millis.toLocaleString('en', { maximumFractionDigits: millis < 10 ? 2 : 0 })} ms`;
  console.log(`  ${word}  ${what.padEnd(46)}${is.padStart(10)}${goal === undefined ? '' : `   < ${goal} ms`}`);
}

function saySmooth(what: string, { medianMillis, worstMillis, lateShare }: FrameFigures): void {
  console.log(
    `        ${what.padEnd(46)}${`${medianMillis.toFixed(1)} ms`.padStart(10)}   a frame; worst ${worstMillis.toFixed(0)} ms, ${(lateShare * 100).toFixed(0)} % over 25 ms`,
  );
}
