/** A plane that wants a token: the page asks for it, keeps it for its tab, and shows it to nobody. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { axeFaults, describeInBrowser, launchBrowser, visit } from './browser.ts';

const TOKEN = 'a-long-secret-token';

describeInBrowser('a plane with a token', () => {
  let browser: Browser;
  let plane: ScriptedPlane;
  let id: string;
  const withToken = { authorization: `Bearer ${TOKEN}` };

  beforeAll(async () => {
    browser = await launchBrowser();
    plane = await ScriptedPlane.start({ stepSeconds: 0.01 }, { TRAINER_API_TOKEN: TOKEN });
    const body = { config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl', max_steps: 5 } };
    id = String(Object((await plane.request('POST', '/api/sft/train', body, withToken)).body).job_id);
  });
  afterAll(async () => {
    await browser.close();
    await plane.close();
  });

  test('is opened by its own token and no other; the token is in no URL, outlives a reload, and is gone with the tab', async () => {
    const { page, context, faults, close } = await visit(browser, plane.url, { expected: [/401 \(Unauthorized\)/] });
    const urls: string[] = [];
    page.on('request', (request) => urls.push(request.url()));
    await page.goto(`${plane.url}/#/runs/${id}/files`);
    await page.getByRole('dialog', { name: 'This plane wants a token' }).waitFor();
    expect(await axeFaults(page)).toEqual([]);
    await page.keyboard.press('Escape');

    await page.getByLabel('Token', { exact: true }).fill('a-guess');
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByText('That is not its token.').waitFor();
    await page.getByLabel('Token', { exact: true }).fill(TOKEN);
    await page.getByRole('button', { name: 'Unlock' }).click();
    await page.getByRole('rowheader', { name: 'adapter_model.safetensors' }).waitFor();

    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download adapter/adapter_config.json' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('adapter_config.json');
    await page.reload();
    await page.getByRole('rowheader', { name: 'adapter_model.safetensors' }).waitFor();
    expect(urls.filter((url) => url.includes(TOKEN))).toEqual([]);
    expect(await page.evaluate<string>('JSON.stringify({ ...localStorage }) + document.cookie')).not.toContain(TOKEN);

    await page.getByRole('button', { name: 'Lock' }).click();
    await page.getByRole('dialog', { name: 'This plane wants a token' }).waitFor();
    const other = await context.newPage();
    await other.goto(plane.url);
    await other.getByRole('dialog', { name: 'This plane wants a token' }).waitFor();
    expect(faults).toEqual([]);
    await close();
  });
});
