/** Charts under the hand: what they are drawn over, how they are smoothed, looked at more closely, and read without eyes. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { describeInBrowser, eventually, launchBrowser, type Visit, visit } from './browser.ts';

const STEPS = 700;

describeInBrowser('the curves of a run', () => {
  let browser: Browser;
  let plane: ScriptedPlane;
  let place: Visit;
  let page: Page;
  let id: string;

  beforeAll(async () => {
    browser = await launchBrowser();
    plane = await ScriptedPlane.start({ stepSeconds: 0.002 });
    id = await plane.startJob({ max_steps: STEPS });
    await plane.jobWhenDone(id);
  });
  beforeEach(async () => {
    place = await visit(browser, plane.url);
    page = place.page;
    await page.goto(`${plane.url}/#/runs/${id}`);
    await loss().waitFor();
  });
  afterEach(async () => {
    expect(place.faults).toEqual([]);
    await place.close();
  });
  afterAll(async () => {
    await browser.close();
    await plane.close();
  });

  const loss = () => page.locator('.chart', { hasText: 'nats/token' }).first();
  /** How many pixels of the chart are of the colour of the run, or near it. */
  const inkOf = () =>
    loss()
      .locator('canvas')
      .evaluate((canvas) => {
        const { width, height } = canvas as unknown as { width: number; height: number };
        const context = (
          canvas as unknown as { getContext: (kind: '2d') => { getImageData: (...box: number[]) => { data: Uint8ClampedArray } } }
        ).getContext('2d');
        const { data } = context.getImageData(0, 0, width, height);
        let ink = 0;
        for (let at = 0; at < data.length; at += 4) {
          const [red = 0, green = 0, blue = 0, alpha = 0] = data.subarray(at, at + 4);
          if (alpha > 100 && Math.max(red, green, blue) - Math.min(red, green, blue) > 40) ink += 1;
        }
        return ink;
      });

  test('say how many points stand for how many values, and what they come to, in words', async () => {
    expect(await loss().locator('.shown').textContent()).toBe('500 of 700 points');
    expect(await loss().getByRole('img').getAttribute('aria-label')).toMatch(
      /^loss goes from 1\.\d+ at step 1 to 0\.\d+ at step 700; least .* near step [\d,]+, greatest 1\.\d+ near step [\d,]+\.$/,
    );
    expect(await inkOf()).toBeGreaterThan(200);
  });

  test('are there as a table, with as many rows as points', async () => {
    await loss().getByRole('button', { name: 'Table of loss' }).click();

    expect(await loss().locator('tbody tr').count()).toBe(500);
    await loss().getByRole('button', { name: 'Chart of loss' }).click();
    await eventually(async () => expect(await inkOf()).toBeGreaterThan(200));
  });

  test.each(['epochs', 'time at work', 'time of day'])('are drawn over %s as well as over steps', async (axis) => {
    await page.getByLabel('Over').selectOption(axis);

    await eventually(async () => expect(await inkOf()).toBeGreaterThan(200));
    await loss().getByRole('button', { name: 'Table of loss' }).click();
    await loss().getByRole('columnheader', { name: axis }).waitFor();
    expect(await loss().locator('tbody tr').first().getByRole('cell').nth(1).textContent()).not.toBe('');
  });

  test('are not offered over what the run did not say', async () => {
    expect(await page.getByLabel('Over').getByRole('option', { name: 'tokens' }).isDisabled()).toBe(true);
  });

  test('are smoothed with the raw line kept behind, on log axes if one likes, and a link shows the same', async () => {
    const raw = await inkOf();
    await page.getByLabel('Smoothing').fill('0.9');
    await page.getByLabel('log y').check();
    await page.getByLabel('log x').check();

    await eventually(async () => expect(page.url()).toMatch(/smooth=0.9&logy=1&logx=1$/));
    await eventually(async () => expect(await inkOf()).toBeGreaterThan(raw));
    await page.reload();
    await loss().waitFor();
    expect(await page.getByLabel('Smoothing').inputValue()).toBe('0.9');
  });

  test('are filtered by a regular expression over their names', async () => {
    await page.getByLabel('Metric').fill('^(loss|grad)');

    await eventually(async () => expect(await page.locator('.chart h4').allTextContents()).toEqual(['loss', 'grad_norm']));
  });

  test('are looked at more closely where the mouse draws over them: every value of the stretch is a point', async () => {
    const box = await loss().locator('.u-over').boundingBox();
    if (!box) throw new Error('the chart has no place');
    await page.mouse.move(box.x + box.width * 0.5, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 60, { steps: 5 });
    await page.mouse.up();

    const whole = page.getByRole('button', { name: /^steps 3\d\d to 4\d\d · show all$/ });
    await whole.waitFor();
    await eventually(async () => expect(await loss().locator('.shown').textContent()).toMatch(/^(1[34]\d) of \1 points$/));
    await whole.click();
    await eventually(async () => expect(await loss().locator('.shown').textContent()).toBe('500 of 700 points'));
  });

  test('say the values under the cursor', async () => {
    const box = await loss().locator('.u-over').boundingBox();
    if (!box) throw new Error('the chart has no place');
    await page.mouse.move(box.x + box.width / 2, box.y + 50);

    await loss()
      .locator('.reading')
      .getByText(/^step 3[45]\d/)
      .waitFor();
  });
});
