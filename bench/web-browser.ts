/** What is measured in the browser: of whole pages on a real plane, and of the parts alone. */
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import type { RunSummary } from '../web/plane/wire.ts';
import { median } from './load.ts';
import type { BigRun } from './web-home.ts';

const VIEWPORT = { width: 1440, height: 900 };
const LIMIT_MILLIS = 60_000;

export interface PageFigures {
  /** until something is drawn, and until the first rows are there, from nothing: medians */
  readonly firstPaintMillis: number;
  readonly firstRowsMillis: number;
  /** until every run is loaded */
  readonly allLoadedMillis: number;
  /** while all of the list is scrolled through, a screen a frame */
  readonly listScroll: FrameFigures;
  /** until the log's last line is there, after a jump to the end of it */
  readonly logEndMillis: number;
  readonly logScroll: FrameFigures;
  /** until the curve of all steps is drawn */
  readonly curveMillis: number;
}

export interface FrameFigures {
  readonly medianMillis: number;
  readonly worstMillis: number;
  /** share of frames that took more than 1.5 of the median's display interval (25 ms at 60 Hz) */
  readonly lateShare: number;
}

export async function measurePages(browser: Browser, url: string, big: BigRun, rounds: number): Promise<PageFigures> {
  const paints: number[] = [];
  const rows: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await inPage(browser, async (page) => {
      await page.goto(url);
      await page.locator('[data-run]').first().waitFor();
      rows.push(await page.evaluate<number>('performance.now()'));
      paints.push(await page.evaluate<number>("performance.getEntriesByName('first-contentful-paint')[0].startTime"));
    });
  }
  return inPage(browser, async (page) => {
    await page.goto(url);
    await page.getByText(/^5,000 shown of 5,000$/).waitFor();
    const allLoadedMillis = await page.evaluate<number>('performance.now()');
    const listScroll = await scrollThrough(page, '.run-table', 300);
    await page.goto(`${url}/#/runs/${big.id}/log`);
    await page.locator('.log-row').first().waitFor();
    const logEndMillis = await millisUntil(page, "document.querySelector('.log-box').scrollTo(0, 1e9)", `step ${big.lines}/`);
    await page.evaluate("document.querySelector('.log-box').scrollTo(0, 0)");
    const logScroll = await scrollThrough(page, '.log-box', 300);
    const curveMillis = await millisUntil(
      page,
      `location.hash = '#/runs/${big.id}'`,
      `of ${(2 * big.steps).toLocaleString('en')} points`.replace((2 * big.steps).toLocaleString('en'), big.steps.toLocaleString('en')),
    );
    return {
      firstPaintMillis: median(paints),
      firstRowsMillis: median(rows),
      allLoadedMillis,
      listScroll,
      logEndMillis,
      logScroll,
      curveMillis,
    };
  });
}

async function inPage<Result>(browser: Browser, use: (page: Page) => Promise<Result>): Promise<Result> {
  const context = await browser.newContext({ viewport: VIEWPORT }); // a profile of its own: nothing is cached
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MILLIS);
    return await use(page);
  } finally {
    await context.close();
  }
}

/** From a script until a text is on the page, by the browser's own clock. */
async function millisUntil(page: Page, script: string, text: string): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const began = performance.now();
    const look = () => document.body.textContent.includes(${JSON.stringify(text)}) ? requestAnimationFrame(() => resolve(performance.now() - began)) : requestAnimationFrame(look);
    ${script};
    look();
  })`);
}

/** Scrolls a box from top to bottom in so many frames, and looks how long each took. */
async function scrollThrough(page: Page, selector: string, frames: number): Promise<FrameFigures> {
  const times = await page.evaluate<number[]>(`new Promise((resolve) => {
    const box = document.querySelector(${JSON.stringify(selector)});
    const times = [];
    let last = performance.now();
    const next = (frame) => requestAnimationFrame((now) => {
      times.push(now - last);
      last = now;
      if (frame > ${frames}) return resolve(times.slice(1));
      box.scrollTo(0, (box.scrollHeight - box.clientHeight) * frame / ${frames});
      next(frame + 1);
    });
    next(0);
  })`);
  const sorted = times.toSorted((a, b) => a - b);
  return {
    medianMillis: median(times),
    worstMillis: sorted.at(-1) ?? 0,
    lateShare: times.filter((time) => time > 25).length / times.length,
  };
}

export interface PartFigures {
  readonly rowMillis: number;
  /** one run of 1,000 points; eight runs of 500 */
  readonly curveMillis: number;
  readonly comparisonMillis: number;
}

/** The row and the chart alone, with all runs in the store. */
export async function measureParts(browser: Browser, runs: readonly RunSummary[]): Promise<PartFigures> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, 'web-parts.tsx')],
    bundle: true,
    minify: true,
    write: false,
    outdir: 'out',
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
  });
  const textOf = (ending: string): string => outputFiles.find(({ path }) => path.endsWith(ending))?.text ?? '';
  return inPage(browser, async (page) => {
    await page.route('http://parts.test/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: `<!doctype html><style>${textOf('.css')}</style><body></body>` }),
    );
    await page.goto('http://parts.test/');
    await page.addScriptTag({ content: textOf('.js') });
    const measure = (call: string) => page.evaluate<number>(call);
    const row = () => measure(`measureRow(${JSON.stringify(runs)}, 500)`);
    await row(); // once to warm up
    await measure('measureChart(1, 1000, 100)');
    return {
      rowMillis: await row(),
      curveMillis: await measure('measureChart(1, 1000, 200)'),
      comparisonMillis: await measure('measureChart(8, 500, 200)'),
    };
  });
}

export const readRuns = (text: string): readonly RunSummary[] => (JSON.parse(text) as { items: RunSummary[] }).items;
