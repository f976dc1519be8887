/** The list of runs as it is worked with all day: filtered, sorted, walked by keys, and moving by itself. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runDetailResponse } from '#surfaces/runs/schemas.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { describeInBrowser, eventually, launchBrowser, type Visit, visit } from './browser.ts';
import { endAllRuns } from './end-all-runs.ts';

describeInBrowser('the list of runs', () => {
  let browser: Browser;
  let plane: ScriptedPlane;
  let place: Visit;
  let page: Page;
  let quick: string;
  let long: string;
  let failed: string;

  beforeAll(async () => {
    browser = await launchBrowser();
    plane = await ScriptedPlane.start({ stepSeconds: 0.02 });
    quick = await plane.startJob({ max_steps: 10 });
    await plane.jobWhenDone(quick);
    long = await plane.startJob({ max_steps: 30, lora_r: 8 });
    await plane.jobWhenDone(long);
    failed = await plane.startJob({ dataset_name: 'missing.jsonl' });
    await plane.jobWhenDone(failed);
  });
  beforeEach(async () => {
    place = await visit(browser, plane.url);
    page = place.page;
    await page.goto(`${plane.url}/#/runs`);
    await page.locator(`[data-run=${quick}]`).waitFor();
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

  const shown = () => page.locator('[data-run]').evaluateAll((rows) => rows.map((row) => row.getAttribute('data-run')));

  test('is filtered by a regular expression and by states, and the URL says by what', async () => {
    await page.getByRole('searchbox', { name: 'Filter by regular expression' }).fill('missing|nothing');
    await eventually(async () => expect(await shown()).toEqual([failed]));
    expect(page.url()).toContain('q=missing%7Cnothing');

    await page.getByRole('searchbox', { name: 'Filter by regular expression' }).fill('');
    await page.getByRole('button', { name: /^completed/ }).click();
    await eventually(async () => expect(await shown()).toEqual([long, quick]));
    await page.reload();
    await eventually(async () => expect(await shown()).toEqual([long, quick]));
    expect(await page.getByRole('button', { name: /^failed 1/ }).getAttribute('aria-pressed')).toBe('false'); // the counts are of every state
  });

  test('says what is wrong with a regular expression, and shows all meanwhile', async () => {
    await page.getByRole('searchbox', { name: 'Filter by regular expression' }).fill('(');

    await page.getByRole('alert').filter({ hasText: 'Unterminated group' }).waitFor();
    expect(await shown()).toEqual([failed, long, quick]);
  });

  test('is sorted by what its head names, and those without a value come last', async () => {
    await page.getByRole('button', { name: 'Loss', exact: true }).click();

    await eventually(async () => expect((await shown()).at(-1)).toBe(failed));
    expect(await page.getByRole('columnheader', { name: 'Loss' }).first().getAttribute('aria-sort')).toBe('ascending');
    await page.getByRole('button', { name: /^Loss/ }).click();
    await eventually(async () => expect((await shown()).at(-1)).toBe(failed));
    expect(await page.getByRole('columnheader', { name: 'Loss' }).first().getAttribute('aria-sort')).toBe('descending');
  });

  test('is walked by keys: arrows, Space to select, Enter to open; and letters lead from place to place', async () => {
    await page.locator(`[data-run=${failed}]`).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('x');
    await page.keyboard.press('j');
    await page.keyboard.press('Space');
    await page.getByText('2 runs selected').waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/#/runs/${quick}`);

    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await page.locator(`[data-run=${quick}]`).waitFor();
    await page.keyboard.press('/');
    expect(await page.evaluate<string>('document.activeElement.type')).toBe('search');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('Machines').waitFor();
  });

  test('opens a dialog that is asked for before the last one has told of its end', async () => {
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    await page.evaluate(
      "document.querySelector('dialog').close(); document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }))",
    );

    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100)))');
    expect(await page.getByRole('dialog').count()).toBe(1);
  });

  test('says what its runs cost once their owner says what an hour does, and nothing before that', async () => {
    const cost = page.locator(`[data-run=${quick}] [role=gridcell]`).last();
    expect(await cost.textContent()).toBe('–');

    await page.goto(`${plane.url}/#/machines`);
    await page.getByLabel('US dollars an hour of a machine of local').fill('cheap');
    await page.getByText('must be a number of at least 0').waitFor();
    await page.getByLabel('US dollars an hour of a machine of local').fill('3600');
    await page.goto(`${plane.url}/#/runs`);

    const { compute_seconds } = runDetailResponse.parse((await plane.request('GET', `/runs/${quick}`)).body);
    await eventually(async () => expect(await cost.textContent()).toBe(`$${compute_seconds.toFixed(2)}`)); // a dollar a second
  });

  test('moves by itself: a new run comes, its step rises in its row, and it ends', async () => {
    const id = await plane.startJob({ max_steps: 100_000 });
    const row = page.locator(`[data-run=${id}]`);
    const step = async () => Number(/([\d,]+) \/ 100,000/.exec((await row.textContent()) ?? '')?.[1]?.replaceAll(',', '') ?? 0);

    await eventually(async () => expect(await step()).toBeGreaterThan(3));
    const before = await step();
    await eventually(async () => expect(await step()).toBeGreaterThan(before));

    await plane.request('POST', `/runs/${id}/stop`);
    await row.getByText('stopped').waitFor();
    await plane.request('DELETE', `/runs/${id}`);
  });
});
