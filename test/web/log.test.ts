/** A log of thousands of lines that grows while one reads it. */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { logsResponse } from '#surfaces/runs/schemas.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { describeInBrowser, eventually, launchBrowser, type Visit, visit } from './browser.ts';
import { endAllRuns } from './end-all-runs.ts';

describeInBrowser('the log of a run', () => {
  let browser: Browser;
  let plane: ScriptedPlane;
  let place: Visit;
  let page: Page;
  let done: string;

  beforeAll(async () => {
    browser = await launchBrowser();
    plane = await ScriptedPlane.start({
      stepSeconds: 0.02,
      faults: [
        { kind: 'manyLines', step: 3, lines: 4_000 },
        { kind: 'levels', step: 5 },
      ],
    });
    done = await plane.startJob({ max_steps: 10 });
    await plane.jobWhenDone(done);
  });
  beforeEach(async () => {
    place = await visit(browser, plane.url);
    page = place.page;
  });
  afterEach(async () => {
    expect(place.faults).toEqual([]);
    await place.close();
  });
  afterAll(async () => {
    await browser.close();
    await endAllRuns(plane);
    await plane.close();
  });

  const numbers = async () => (await page.locator('.log-number').allTextContents()).map(Number);

  test('draws only the lines in sight, and each line at its place, wherever one scrolls to', async () => {
    await page.goto(`${plane.url}/#/runs/${done}/log`);
    await page.getByText('attempt 1 of').waitFor();

    expect((await numbers()).length).toBeLessThan(120);
    await page.locator('.log-box').evaluate((box) => box.scrollTo(0, 2_500 * 18));
    await page.getByText('line 2490 of many').waitFor();
    expect(await numbers()).toEqual(expect.arrayContaining([2_501, 2_510]));
  });

  test('is followed while it grows; who scrolls up is left in peace and told how much came; a click goes back to the end', async () => {
    const id = await plane.startJob({ max_steps: 100_000 });
    await page.goto(`${plane.url}/#/runs/${id}/log`);
    const isAtEnd = () => page.locator('.log-box').evaluate((box) => box.scrollTop + box.clientHeight >= box.scrollHeight - 18);
    await page
      .getByText(/^step \d\d+\/100000/)
      .first()
      .waitFor();
    expect(await isAtEnd()).toBe(true);

    await page.locator('.log-box').hover();
    await page.mouse.wheel(0, -2_000);
    await page.getByRole('button', { name: /\d+ new lines? ↓/ }).waitFor();
    const top = await page.locator('.log-box').evaluate((box) => box.scrollTop);
    await page.getByRole('button', { name: /[1-9]\d+ new lines ↓/ }).waitFor();
    expect(await page.locator('.log-box').evaluate((box) => box.scrollTop)).toBe(top);

    await page.getByRole('button', { name: /new lines? ↓/ }).click();
    await eventually(async () => expect(await isAtEnd()).toBe(true));
    await plane.request('POST', `/runs/${id}/stop`);
    await plane.jobWhenDone(id);
  });

  test('is searched by the plane; a hit is shown in full and leads to its place', async () => {
    await page.goto(`${plane.url}/#/runs/${done}/log`);
    await page.getByRole('searchbox', { name: 'Search the log' }).fill('LINE 399');

    await page.getByText(/^11 hits in ([\d,]+) of \1 lines$/).waitFor(); // 399 and 3990 to 3999
    await page.getByRole('button', { name: /line 3995 of many/ }).click();
    await page.getByRole('button', { name: 'Show it in the log' }).click();
    await page.getByText('line 3994 of many').waitFor();
    expect(await page.getByRole('searchbox', { name: 'Search the log' }).inputValue()).toBe('');
    expect(await page.locator('.log-row.chosen').textContent()).toContain('line 3995 of many');
    expect(page.url()).toMatch(/line=\d{4}$/);
  });

  test('leads to its first error, also from a failed run', async () => {
    await page.goto(`${plane.url}/#/runs/${done}/log`);
    await page.getByRole('button', { name: 'First error' }).click();

    await page.locator('.log-row.chosen.level-ERROR').waitFor();
    expect(await page.locator('.log-full').textContent()).toContain('at ERROR');
  });

  test('is downloaded whole, every line once and in order', async () => {
    await page.goto(`${plane.url}/#/runs/${done}/log`);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download all' }).click()]);
    const lines = readFileSync(await download.path(), 'utf8')
      .trimEnd()
      .split('\n');

    const { total, items } = logsResponse.parse((await plane.request('GET', `/runs/${done}/logs?limit=1000`)).body);
    expect(download.suggestedFilename()).toBe(`${done}.log`);
    expect(lines).toHaveLength(total ?? 0);
    expect(lines.slice(0, 1_000)).toEqual(items.map(({ timestamp, level, message }) => `${timestamp} ${level} ${message}`));
  });
});
