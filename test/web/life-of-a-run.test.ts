/** One run from the form to the file on one's disk, by hand, with the plane killed in the middle: the page says so, comes back, and misses nothing. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { artifactListResponse, checkpointListResponse, eventListResponse, runDetailResponse } from '#surfaces/runs/schemas.ts';
import { freePort } from '../support/free-port.ts';
import { killAll, PlaneProcess, supervisorsOf } from '../support/plane-process.ts';
import { request, scriptedVariables } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { axeFaults, describeInBrowser, eventually, launchBrowser, visit } from './browser.ts';

const ASSETS = join(import.meta.dirname, '..', '..', 'web', 'dist', 'assets');

describeInBrowser('a run, by hand', () => {
  let browser: Browser;
  let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
  let plane: PlaneProcess;
  let variables: Record<string, string>;
  const made: string[] = [];

  beforeAll(async () => {
    browser = await launchBrowser();
    folder = await makeTemporaryFolder();
    variables = {
      ...scriptedVariables(folder.path, { stepSeconds: 0.05, saveSteps: 20, sampleEvery: 20, phaseSeconds: { importing: 0.3 } }),
      PORT: String(await freePort()),
    };
    plane = await PlaneProcess.start(variables);
  });
  afterEach(() => void killAll(made.flatMap(supervisorsOf)));
  afterAll(async () => {
    await browser.close();
    await plane.kill('SIGTERM');
    await folder.remove();
  });

  test('is started by the form, watched through a kill -9 of the plane, stopped, resumed from a checkpoint, compared, and downloaded', async () => {
    const { page, faults, close } = await visit(browser, plane.url, {
      expected: [
        /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|ERR_SOCKET_NOT_CONNECTED|400 \(Bad Request\)/,
      ],
    });
    const sockets: string[] = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.goto(plane.url);
    await page.getByRole('link', { name: 'Start a run' }).first().click();

    // All problems at once, each at its field, in the plane's own words.
    await page.getByLabel('dataset_name').fill('');
    await page.getByLabel('max_steps').fill('0');
    await page.getByLabel('learning_rate').fill('fast');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByText("must be a number above 0 and at most 1, got 'fast'").first().waitFor();
    expect(await page.getByText('must be 1 to 10000000, got 0').count()).toBe(2);
    expect(await page.locator('[aria-invalid=true]').evaluateAll((fields) => fields.map((field) => field.getAttribute('name')))).toEqual(
      expect.arrayContaining(['config.max_steps', 'config.learning_rate']),
    );

    await page.getByLabel('dataset_name').fill('./rows.jsonl');
    await page.getByLabel('max_steps').fill('4000');
    await page.getByLabel('learning_rate').fill('');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.waitForURL(/#\/runs\/run_/);
    const first = idOf(page);
    made.push(first);

    // The curve moves.
    const seen = await pointsSeen(page, 0);
    const before = await pointsSeen(page, seen + 5);
    expect(sockets.map((url) => new URL(url).search.replace(/=.*/, ''))).toEqual(['?ticket']);

    await plane.kill('SIGKILL');
    await page.getByText('The plane does not answer.').waitFor();
    expect(await axeFaults(page)).toEqual([]);
    expect(await page.getByRole('heading', { name: first }).count()).toBe(1); // what was known is still shown
    plane = await PlaneProcess.start(variables);
    await page.getByText('The plane does not answer.').waitFor({ state: 'detached' });
    await pointsSeen(page, before + 10);
    expect(await chartGaps(page)).toEqual([]);
    await eventually(() => expect(sockets.length).toBeGreaterThan(1)); // it listens again, by a fresh ticket

    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText('It saves a last checkpoint and ends.').waitFor();
    expect(await axeFaults(page)).toEqual([]);
    await page.getByRole('dialog').getByRole('button', { name: 'Stop', exact: true }).click();
    await page.locator('.run-title .state-stopped').waitFor();
    await eventsAreWhole(page, plane.url, first);

    const { items } = checkpointListResponse.parse((await request(plane.url, 'GET', `/runs/${first}/checkpoints`)).body);
    await page.getByRole('link', { name: 'Checkpoints' }).click();
    await page.getByRole('row').filter({ hasText: 'last' }).getByRole('button', { name: 'Resume from here' }).click();
    await page.getByLabel('Name').fill('went-on');
    await page.getByLabel('Steps in all').fill(String((items[0]?.step ?? 0) + 10));
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.getByRole('heading', { name: 'went-on' }).waitFor();
    const second = idOf(page);
    made.push(second);
    await page.locator('.run-title .state-completed').waitFor();

    await page.getByRole('link', { name: 'Runs', exact: true }).click();
    for (const id of [first, second]) await page.locator(`[data-run=${id}] input`).check();
    await page.getByRole('link', { name: 'Compare' }).last().click();
    const differs = page.getByRole('table', { name: 'Parameters' });
    await differs.getByText('max_steps').waitFor();
    expect(new URL(page.url()).hash).toBe(`#/compare?runs=${first}%2C${second}`);
    expect(await differs.getByRole('row').filter({ hasText: 'max_steps' }).getByRole('cell').allTextContents()).toEqual([
      '4000',
      String((items[0]?.step ?? 0) + 10),
    ]);
    expect(await differs.getByText('batch_size').count()).toBe(0); // the same in both
    await page.getByRole('img', { name: /^loss of .* loss of went-on/ }).waitFor();

    await page.goto(`${plane.url}/#/runs/${second}/files`);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download adapter/adapter_model.safetensors' }).click(),
    ]);
    const bytes = readFileSync(await download.path());
    const files = artifactListResponse
      .parse((await request(plane.url, 'GET', `/runs/${second}/artifacts`)).body)
      .items.flatMap((item) => item.files);
    expect(download.suggestedFilename()).toBe('adapter_model.safetensors');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(files.find(({ path }) => path.endsWith('.safetensors'))?.sha256);

    expect(runDetailResponse.parse((await request(plane.url, 'GET', `/runs/${second}`)).body)).toMatchObject({
      name: 'went-on',
      state: 'completed',
    });
    expect(faults).toEqual([]);
    await close();
  }, 180_000);

  test('can be left for any place that was never opened, while the plane is away: all of the page was fetched in peace', async () => {
    const { page, close } = await visit(browser, plane.url);
    const scripts = readdirSync(ASSETS).filter((name) => name.endsWith('.js'));
    await page.goto(plane.url);
    await eventually(async () => {
      const loaded = await page.evaluate<string[]>("performance.getEntriesByType('resource').map(({ name }) => name)");
      expect(scripts.filter((name) => !loaded.some((url) => url.endsWith(name)))).toEqual([]);
    });

    await plane.kill('SIGKILL');
    await page.getByRole('link', { name: 'Machines' }).click();
    await page.getByRole('heading', { name: 'Machines' }).waitFor();
    plane = await PlaneProcess.start(variables);
    await page.getByText('set RUNPOD_API_KEY').waitFor();
    await close();
  }, 60_000);

  test('a part of the page that is missing for good is said, and not asked for for ever', async () => {
    const { page, close } = await visit(browser, plane.url);
    const part = readdirSync(ASSETS).find((name) => readFileSync(join(ASSETS, name), 'utf8').includes('US dollars an hour'));
    let asked = 0;
    await page.route(`**/assets/${part}`, (route) => {
      asked += 1;
      return route.fulfill({ status: 404 });
    });

    await page.goto(`${plane.url}/#/machines`);
    await page.getByText('A part of this page is not there').waitFor();
    expect(asked).toBe(2); // once more after a fresh page
    await close();
  });

  test('moves as well where no WebSocket gets through', async () => {
    const { page, close } = await visit(browser, plane.url);
    await page.routeWebSocket(/\/ws\//, (socket) => socket.close({ code: 1008 }));
    const id = await startRun(plane.url);
    made.push(id);
    await page.goto(`${plane.url}/#/runs/${id}`);

    const seen = await pointsSeen(page, 0);
    await pointsSeen(page, seen + 5);
    await request(plane.url, 'POST', `/runs/${id}/stop`);
    await page.locator('.run-title .state-stopped').waitFor();
    await eventsAreWhole(page, plane.url, id);
    await close();
  }, 90_000);

  test('is paused, and goes on when it is resumed; nothing is asked twice', async () => {
    const { page, faults, close } = await visit(browser, plane.url);
    const id = await startRun(plane.url);
    made.push(id);
    await page.goto(`${plane.url}/#/runs/${id}`);

    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Pause', exact: true }).click();
    await page.locator('.run-title .state-paused').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Resume', exact: true }).click();
    await page.locator('.run-title .state-running').waitFor();

    // Where it went on is marked for those who see the curve, and told in the lifecycle.
    await page.getByText('attempt 2', { exact: true }).waitFor();
    await page.getByRole('region', { name: 'Lifecycle' }).getByText('paused').waitFor();
    expect(faults).toEqual([]);
    await request(plane.url, 'POST', `/runs/${id}/stop`);
    await close();
  }, 90_000);
});

async function startRun(url: string): Promise<string> {
  const config = { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 4000 };
  return String(Object((await request(url, 'POST', '/api/sft/train', { config })).body).job_id);
}

const idOf = (page: Page): string => /runs\/(run_\w+)/.exec(page.url())?.[1] ?? '';

/** How many points the chart of the loss says it stands for, once they are more than so many. */
async function pointsSeen(page: Page, above: number): Promise<number> {
  const shown = page.locator('.chart', { hasText: 'nats/token' }).locator('.shown').first();
  let points = 0;
  await eventually(async () => {
    points = Number(/of ([\d,]+) points/.exec((await shown.textContent()) ?? '')?.[1]?.replaceAll(',', '') ?? 0);
    expect(points).toBeGreaterThan(above);
  });
  return points;
}

/** Steps of the loss that the page does not have, up to the last that it has. */
async function chartGaps(page: Page): Promise<number[]> {
  const chart = page.locator('.chart', { hasText: 'nats/token' }).first();
  await chart.getByRole('button', { name: 'Table of loss' }).click();
  const rows = await chart.locator('tbody tr td:first-child').allTextContents();
  await chart.getByRole('button', { name: 'Chart of loss' }).click();
  const ranges = rows.map((text) => text.split(' to ').map((step) => Number(step.replaceAll(',', ''))));
  const gaps: number[] = [];
  let next = 1;
  for (const [from = 0, to = from] of ranges) {
    for (; next < from; next++) gaps.push(next);
    next = to + 1;
  }
  expect(next).toBeGreaterThan(10);
  return gaps;
}

/** The page shows every event that the plane has, in order. */
async function eventsAreWhole(page: Page, url: string, id: string): Promise<void> {
  const { items } = eventListResponse.parse((await request(url, 'GET', `/runs/${id}/events?limit=1000`)).body);
  await page.getByRole('link', { name: 'Events' }).click();
  await eventually(async () => {
    const shown = await page.getByRole('table', { name: 'Events' }).locator('tbody tr td:first-child').allTextContents();
    expect(shown.map(Number)).toEqual(items.map(({ sequence }) => sequence).toReversed());
  });
}
