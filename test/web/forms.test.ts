/** Everything that is given to the plane by the page: data sets, configurations, projects, tags; and each action as text for those who script it. */
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { runDetailResponse, runListResponse } from '#surfaces/runs/schemas.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { axeFaults, describeInBrowser, launchBrowser, type Visit, visit } from './browser.ts';
import { endAllRuns } from './end-all-runs.ts';

/** Not in step with us: the plane that is asked lives in this process. */
const execute = promisify(execFile);
const REPOSITORY = join(import.meta.dirname, '..', '..');
/** Its commands are a part of their own: where they are not there yet, nobody can try what is copied for them. */
const HAS_COMMANDS = existsSync(join(REPOSITORY, 'cli', 'command-table.ts'));
const PYTHON = join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');

describeInBrowser('what is given to the plane', () => {
  let browser: Browser;
  let plane: ScriptedPlane;
  let folder: Awaited<ReturnType<typeof makeTemporaryFolder>>;
  let place: Visit;
  let page: Page;

  beforeAll(async () => {
    browser = await launchBrowser();
    folder = await makeTemporaryFolder();
    plane = await ScriptedPlane.start({ stepSeconds: 0.01, saveSteps: 5 });
  });
  beforeEach(async () => {
    place = await visit(browser, plane.url, { expected: [/400 \(Bad Request\)|422 \(Unprocessable/] });
    page = place.page;
    await place.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: plane.url });
  });
  afterEach(async () => {
    expect(place.faults).toEqual([]);
    await place.close();
  });
  afterAll(async () => {
    await browser.close();
    await endAllRuns(plane);
    await plane.close();
    await folder.remove();
  });

  const detailOf = async (id: string) => runDetailResponse.parse((await plane.request('GET', `/runs/${id}`)).body);
  const idOf = () => /runs\/(run_\w+)/.exec(page.url())?.[1] ?? '';
  const clipboard = () => page.evaluate<string>('navigator.clipboard.readText()');

  test('a data set is previewed, checked row by row, and trained on', async () => {
    const file = join(folder.path, 'My poems.jsonl');
    writeFileSync(file, '{"text": "Roses are red."}\n{"text": 7}\n');
    await page.goto(`${plane.url}/#/data`);
    await page.getByRole('button', { name: 'Upload a data set' }).click();
    await page.getByLabel('File').setInputFiles(file);
    await page.getByRole('cell', { name: 'Roses are red.' }).waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('My-poems');
    expect(await axeFaults(page)).toEqual([]);

    await page.getByRole('button', { name: 'Check and store' }).click();
    await page.getByRole('alert').getByText('line 2').waitFor();

    writeFileSync(file, '{"text": "Roses are red."}\n{"text": "Violets are blue."}\n');
    await page.getByLabel('File').setInputFiles(file);
    await page.getByRole('button', { name: 'Check and store' }).click();
    await page.waitForURL('**/#/data/datasets/My-poems');
    await page.getByText('Violets are blue.').waitFor();
    await page.getByRole('link', { name: 'Train on it' }).click();
    expect(await page.getByLabel('dataset_name').inputValue()).toBe('dataset:My-poems');
    await page.getByLabel('max_steps').fill('3');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.waitForURL(/#\/runs\/run_/);

    expect(await detailOf(idOf())).toMatchObject({ dataset: 'dataset:My-poems', parameters: { max_steps: 3 } });
  });

  test('a data set that is too large for one request goes by a link, and its first rows are checked all the same', async () => {
    const file = join(folder.path, 'long.jsonl');
    const row = JSON.stringify({ text: 'All work and no play makes a dull model. '.repeat(20) });
    const rows = Math.ceil((5 * 1_048_576) / row.length);
    writeFileSync(file, `${row}\n`.repeat(rows));
    await page.goto(`${plane.url}/#/data`);
    await page.getByRole('button', { name: 'Upload a data set' }).click();
    await page.getByLabel('File').setInputFiles(file);
    await page
      .getByRole('cell', { name: /^All work/ })
      .first()
      .waitFor();

    await page.getByRole('button', { name: 'Check and store' }).click();
    await page.waitForURL('**/#/data/datasets/long');
    await page.getByText('the first 50 rows').waitFor();

    const { body } = await plane.request('GET', '/datasets/long/preview');
    expect(body).toMatchObject({ size_bytes: (row.length + 1) * rows, format: 'text' });
  });

  test('a conversation is stored from its file, or refused with what is wrong in it', async () => {
    const file = join(folder.path, 'talk.json');
    writeFileSync(file, '{"messages": [{"role": "user", "content": "Hello?"}]}');
    await page.goto(`${plane.url}/#/data/trajectories`);
    await page.getByLabel('Store a conversation from a file').setInputFiles(file);
    await page.getByRole('alert').getByText('must hold a message of the assistant').waitFor();

    writeFileSync(file, '{"messages": [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Good evening."}]}');
    await page.getByLabel('Store a conversation from a file').setInputFiles(file);
    await page.waitForURL('**/#/data/trajectories/talk');
    await page.getByText('Good evening.').waitFor();
  });

  test('a configuration is saved, chosen again, and a run is cloned with what it was asked for', async () => {
    await page.goto(`${plane.url}/#/new?dataset=./rows.jsonl&steps=7`);
    await page.getByText('LoRA', { exact: true }).click();
    await page.getByLabel('lora_r').fill('4');
    await page.getByRole('button', { name: 'Save as configuration' }).click();
    await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('small');
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('saved: it can be chosen').waitFor();

    await page.goto(`${plane.url}/#/runs`);
    await page.goto(`${plane.url}/#/new`);
    await page.getByLabel('Saved configuration').selectOption('small');
    await page.waitForURL(/config=cfg_/);
    await page.getByText('"lora_r": 4').waitFor();
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.waitForURL(/#\/runs\/run_/);
    const first = idOf();

    await page.getByRole('link', { name: 'Clone' }).click();
    await page.getByText('"lora_r": 4').waitFor();
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.waitForURL((url) => /runs\/run_/.test(url.hash) && !url.hash.includes(first));
    expect((await detailOf(idOf())).request).toEqual((await detailOf(first)).request);
  });

  test('a project is made, edited, and a run started in it takes what the project says', async () => {
    await page.goto(`${plane.url}/#/projects`);
    await page.getByRole('button', { name: 'New project' }).click();
    await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('Smart home');
    await page.getByRole('dialog').getByLabel('Base model').fill('tiny-llama');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'Smart home' }).waitFor();

    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByRole('dialog').getByLabel('Owner').fill('alice');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('owner: alice').waitFor();
    await page.getByText('edited once').click();
    await page.getByText('owner: – became alice').waitFor();

    await page.getByRole('link', { name: 'Start a run' }).first().click();
    await page.getByLabel('dataset required').fill('./rows.jsonl');
    await page.getByLabel('max_steps').fill('5');
    await page.getByRole('button', { name: 'Start the run' }).click();
    await page.waitForURL(/#\/runs\/run_/);
    expect(await detailOf(idOf())).toMatchObject({ api: 'management', base_model: 'tiny-llama', parameters: { max_steps: 5 } });
  });

  test('a checkpoint is tagged, and its files are shown and fetched', async () => {
    const id = await plane.startJob({ max_steps: 10 });
    await plane.jobWhenDone(id);
    await page.goto(`${plane.url}/#/runs/${id}/checkpoints`);
    const last = page.getByRole('row').filter({ hasText: 'last' });

    await last.getByRole('button', { name: 'Tag' }).click();
    await page.getByLabel('Tag', { exact: true }).selectOption('release');
    await page.getByLabel('Notes').fill('the good one');
    await page.getByRole('dialog').getByRole('button', { name: 'Tag', exact: true }).click();
    await last.getByText('release').waitFor();

    await last.getByRole('button', { name: 'Files' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download weights.bin' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('weights.bin');
    await last.getByRole('button', { name: 'Copy URI' }).click();
    expect(await clipboard()).toMatch(new RegExp(`^/.*/runs/${id}/framework=hf/checkpoints/step-000010`));
  });

  test('an action is copied as curl and as Python, and either does it', async () => {
    await page.goto(`${plane.url}/#/new?dataset=./rows.jsonl&steps=3`);
    const runs = async () => Object((await plane.request('GET', '/runs?limit=1')).body).total;
    const before = await runs();

    await page.getByRole('button', { name: 'Copy as' }).click();
    await page.getByRole('menuitem', { name: 'curl' }).click();
    await page.getByText('curl for "Start the run" copied').waitFor();
    await execute('sh', ['-c', await clipboard()], { timeout: 30_000 });
    expect(await runs()).toBe(before + 1);

    await page.getByRole('button', { name: 'Copy as' }).click();
    await page.locator('[role=menuitem]:focus').waitFor();
    await page.keyboard.press('ArrowUp'); // from the first round to the last
    await page.keyboard.press('Enter');
    await page.getByText('Python for "Start the run" copied').waitFor();
    await execute(PYTHON, ['-c', await clipboard()], { timeout: 30_000 });
    expect(await runs()).toBe(before + 2);
  });

  test.skipIf(!HAS_COMMANDS)(
    'an action is copied as a command line, and that does it (skipped where the commands are not there)',
    async () => {
      await page.goto(`${plane.url}/#/new?dataset=./rows.jsonl&steps=3`);
      await page.getByRole('button', { name: 'Copy as' }).click();
      await page.getByRole('menuitem', { name: 'Command line' }).click();
      await page.getByText('Command line for "Start the run" copied').waitFor();

      await execute('sh', ['-c', await clipboard()], { cwd: REPOSITORY, timeout: 60_000 });

      const { items } = runListResponse.parse((await plane.request('GET', '/runs?limit=1')).body);
      expect(items).toMatchObject([{ dataset: './rows.jsonl', base_model: 'tiny-llama' }]);
    },
  );
});
