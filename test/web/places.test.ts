/** Every place of the dashboard, with something in it and with nothing, in both themes: whole, quiet, and readable by everybody. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killAll, supervisorsOf } from '../support/plane-process.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { axeFaults, describeInBrowser, launchBrowser, visit } from './browser.ts';
import { endAllRuns } from './end-all-runs.ts';

describeInBrowser('the places of the dashboard', () => {
  let browser: Browser;
  let plane: ScriptedPlane;
  let empty: ScriptedPlane;
  let runs: { done: string; other: string; failed: string; live: string; waiting: string };

  beforeAll(async () => {
    browser = await launchBrowser();
    empty = await ScriptedPlane.start();
    plane = await ScriptedPlane.start(
      { stepSeconds: 0.02, saveSteps: 20, sampleEvery: 20, faults: [{ kind: 'levels', step: 3 }] },
      { TUNEPLANE_MAX_RUNS: '1' },
    );
    const done = await plane.startJob({ max_steps: 60, learning_rate: 1e-3 });
    await plane.jobWhen(done, ({ progress }) => (progress?.step ?? 0) > 25);
    killAll(supervisorsOf(done)); // so that it has two attempts
    const other = await plane.startJob({ max_steps: 40 });
    await plane.jobWhenDone(done);
    await plane.jobWhenDone(other);
    const failed = await plane.startJob({ dataset_name: 'missing.jsonl' });
    await plane.jobWhenDone(failed);
    const live = await plane.startJob({ max_steps: 100_000 });
    await plane.jobWhen(live, ({ status }) => status === 'running');
    const waiting = await plane.startJob({ max_steps: 100_000 });
    await plane.request('PUT', '/datasets/poems', [{ text: 'Roses are red.' }, { text: 'Violets are blue.' }]);
    await plane.request('POST', '/projects', {
      name: 'Smart home',
      base_model: 'tiny-llama',
      owner: 'alice',
      default_hyperparameters: { batch_size: 4 },
    });
    runs = { done, other, failed, live, waiting };
  }, 120_000);

  afterAll(async () => {
    await browser.close();
    await endAllRuns(plane);
    await plane.close();
    await empty.close();
  });

  const PLACES: readonly (readonly [name: string, path: () => string, shows: string])[] = [
    ['the list of runs', () => 'runs', 'place 1 in the line'],
    ['a filtered list', () => 'runs?q=llama&state=completed&sort=loss', '2 shown of 5'],
    ['a live run', () => `runs/${runs.live}`, 'learning_rate'],
    ['a waiting run', () => `runs/${runs.waiting}`, 'slots are taken by older runs'],
    ['a failed run', () => `runs/${runs.failed}`, 'dataset_not_found'],
    ['the curves of a run that was interrupted', () => `runs/${runs.done}?smooth=0.6&x=relative`, 'attempt 2'],
    ['a log', () => `runs/${runs.done}/log?line=12`, 'line 12 ·'],
    ['a searched log', () => `runs/${runs.done}/log?q=loss&level=INFO`, 'hits in'],
    ['checkpoints', () => `runs/${runs.done}/checkpoints`, 'Resume from here'],
    ['sample answers', () => `runs/${runs.done}/samples`, 'weights?'],
    ['files', () => `runs/${runs.done}/files`, 'adapter_model.safetensors'],
    ['parameters', () => `runs/${runs.done}/parameters`, 'Chosen automatically'],
    ['events', () => `runs/${runs.done}/events`, 'attempt-ended'],
    ['a run that is not there', () => 'runs/run_none', 'There is no such run'],
    ['a comparison', () => `compare?runs=${runs.done},${runs.other}`, 'max_steps'],
    ['a comparison of nothing', () => 'compare', 'Choose two runs or more'],
    ['the form', () => 'new', 'gradient_accumulation_steps'],
    ['data sets', () => 'data/datasets/poems', 'Violets are blue.'],
    ['sessions', () => 'data/sessions/s-1', 'the first 100 of 200 rows'],
    ['trajectories', () => 'data/trajectories/t-1', 'assistant'],
    ['projects', () => 'projects', 'Smart home'],
    ['a project', () => 'projects/proj_default', 'Runs that were made through other APIs'],
    ['machines', () => 'machines', 'set RUNPOD_API_KEY'],
    ['a place that is not there', () => 'nowhere', 'There is no such place'],
  ];

  test.each(['light', 'dark'] as const)(
    "%s: each says what it is about, breaks no rule of axe, and does nothing behind anyone's back",
    async (theme) => {
      const { page, faults, close } = await visit(browser, plane.url, { theme, expected: [/404 \(Not Found\)/] });

      const found: Record<string, string[]> = {};
      for (const [name, path, shows] of PLACES) {
        await page.goto(`${plane.url}/#/${path()}`);
        await page.getByText(shows).first().waitFor();
        found[name] = await axeFaults(page);
      }
      expect(Object.entries(found).filter(([, broken]) => broken.length > 0)).toEqual([]);
      expect(faults).toEqual([]);
      await close();
    },
    180_000,
  );

  test('with nothing in it says what to do', async () => {
    const { page, faults, close } = await visit(browser, empty.url);

    for (const [path, words] of [
      ['runs', 'No runs yet'],
      ['data', 'No data sets are stored here'],
      ['projects', 'Default'],
      ['projects/proj_default', 'No runs yet'],
    ] as const) {
      await page.goto(`${empty.url}/#/${path}`);
      await page.getByText(words).first().waitFor();
      expect(await axeFaults(page), path).toEqual([]);
    }
    expect(faults).toEqual([]);
    await close();
  }, 60_000);

  test('is drawn in the theme that was chosen, at once, and remembers it', async () => {
    const { page, close } = await visit(browser, plane.url, { theme: 'light' });
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    await page.goto(`${plane.url}/#/machines`);
    const light = await ground();

    await page.getByRole('button', { name: 'Theme: system' }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();

    expect(await ground()).not.toBe(light);
    await page.reload();
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    expect(await ground()).not.toBe(light);
    await close();
  });

  test('can be used with a narrow window: nothing is cut off at its right', async () => {
    const { page, close } = await visit(browser, plane.url);
    await page.setViewportSize({ width: 420, height: 800 });

    for (const path of ['runs', `runs/${runs.done}`, 'new', 'machines', `compare?runs=${runs.done},${runs.other}`]) {
      await page.goto(`${plane.url}/#/${path}`);
      await page.locator('main h1').first().waitFor();
      const overhang = await page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      expect(overhang, path).toBe(0);
    }
    await close();
  });
});
