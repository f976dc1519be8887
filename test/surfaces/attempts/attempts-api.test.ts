/** The wire of machines, on a real plane. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { issueMachineToken } from '#domain/machine-tokens.ts';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

const TOKEN = 'the-token-of-the-plane';
const CLAIM = { claim_id: `claim_${'0'.repeat(32)}`, host: 'rented', pid: 7 };

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({ stepSeconds: 0.05, steps: 10_000 }, { TRAINER_API_TOKEN: TOKEN });
});
afterAll(() => plane.close());

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function aTrainingRun(): Promise<{ id: string; bootstrap: string }> {
  const { body } = await plane.request(
    'POST',
    '/api/sft/train',
    { config: { base_model: 'tiny-llama', dataset_name: './rows.jsonl' } },
    bearer(TOKEN),
  );
  const id = String(Reflect.get(Object(body), 'job_id'));
  await vi.waitFor(
    async () => expect((await plane.request('GET', `/runs/${id}`, undefined, bearer(TOKEN))).body).toMatchObject({ state: 'running' }),
    { timeout: 30_000, interval: 40 },
  );
  const key = readFileSync(join(plane.environment.home, 'machines.key'));
  return { id, bootstrap: issueMachineToken(key, 'bootstrap', `${id}-0001`) };
}

test('an attempt that its trainer has is taken, whatever token comes; without the right one nobody is told even that', async () => {
  const { id, bootstrap } = await aTrainingRun();
  const claim = (headers: Record<string, string>) => plane.request('POST', `/attempts/${id}-0001/claim`, CLAIM, headers);

  expect(await claim(bearer(bootstrap))).toMatchObject({ status: 409, body: { error: 'Taken by another machine', code: 'name_taken' } });
  expect(await claim({})).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  expect(await claim(bearer(TOKEN))).toMatchObject({ status: 401 });
  expect(await plane.request('POST', `/attempts/${id}-0001/renew`, undefined, bearer(bootstrap))).toMatchObject({ status: 401 });
  expect((await plane.request('POST', `/runs/${id}/stop`, undefined, bearer(TOKEN))).status).toBe(200);
});

test('a claim that is none is refused with every problem', async () => {
  const { status, body } = await plane.request('POST', '/attempts/run_x-0001/claim', { claim_id: 'void', host: 5 }, bearer('x'));

  expect(status).toBe(400);
  expect(JSON.stringify(body)).toMatch(/claim_id.*host.*pid/);
});

test('the document says whose token a route wants', async () => {
  const { body } = await plane.request('GET', '/openapi.json');

  expect(body).toMatchObject({
    paths: { '/attempts/{attempt}/claim': { post: { security: [{ machineToken: [] }] } } },
    components: { securitySchemes: { machineToken: { type: 'http', scheme: 'bearer' } } },
  });
});
