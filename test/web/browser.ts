/**
 * A real Chromium for the dashboard's tests: Debian's, found on the PATH or named by TUNEPLANE_CHROMIUM. Where there is none the tests say so
 * and are skipped; with TUNEPLANE_BROWSER=required they fail instead.
 */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { describe, expect } from 'vitest';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** Generous: two cores, and other tests beside. */
const LIMIT_MILLIS = 30_000;

function findChromium(): string | null {
  const { TUNEPLANE_CHROMIUM: named, PATH = '' } = process.env;
  if (named !== undefined) return named;
  const places = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return places.find((path) => existsSync(path)) ?? null;
}

const executablePath = findChromium();
const isRequired = process.env['TUNEPLANE_BROWSER'] === 'required';

export function describeInBrowser(name: string, body: () => void): void {
  if (executablePath !== null || isRequired) describe(name, body);
  else describe.skip(`${name} (skipped: there is no Chromium here; TUNEPLANE_CHROMIUM names one)`, body);
}

export async function launchBrowser(): Promise<Browser> {
  if (executablePath === null) throw new Error('TUNEPLANE_BROWSER=required, and there is no Chromium: apt-get install chromium');
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** what the page should not have done: errors, words on the console, requests to anybody else, broken policy */
  readonly faults: string[];
  readonly close: () => Promise<void>;
}

/** A page in a browser profile of its own. @param origin of the plane: what goes anywhere else is a fault */
export async function visit(
  browser: Browser,
  origin: string,
  { theme = 'light', expected = [] }: { readonly theme?: 'light' | 'dark'; readonly expected?: readonly RegExp[] } = {},
): Promise<Visit> {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1440, height: 900 }, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MILLIS);
  const faults: string[] = [];
  const note = (text: string): void => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(text);
  };
  page.on('pageerror', (error) => note(`error: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') note(`${message.type()}: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith('blob:') && !url.startsWith('data:')) note(`asked ${url}`);
  });
  return { page, context, faults, close: () => context.close() };
}

/** Breaks of WCAG 2.2 A and AA, and of axe's best practices, in a sentence each. */
export async function axeFaults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`).join('; ')}`,
  );
}

/** Looks until it is so, for half a minute at most. */
export async function eventually(look: () => Promise<void> | void): Promise<void> {
  await expect
    .poll(
      async () => {
        try {
          await look();
          return null;
        } catch (error) {
          return error instanceof Error ? error.message : String(error);
        }
      },
      { timeout: LIMIT_MILLIS, interval: 100 },
    )
    .toBeNull();
}
