/** Whatever comes in, on every route of every API: an answer of ours, and never a fault of the plane. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { ScriptedPlane } from '../../support/scripted-plane.ts';

let plane: ScriptedPlane;
beforeAll(async () => {
  plane = await ScriptedPlane.start({}, { TUNEPLANE_MAX_RUNS: '0' });
});
afterAll(() => plane.close());

const IDS = [
  'x',
  '..',
  '%2e%2e',
  '%00',
  "'; DROP TABLE runs; --",
  '🦜',
  'a'.repeat(5_000),
  '__proto__',
  'constructor',
  '%',
  '{id}',
  '-1',
  'NaN',
];
const BODIES = [
  undefined,
  '',
  'null',
  '[]',
  '"text"',
  '{}',
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":1,"toString":null}',
  '{"env":{"__proto__":"x"},"extra_args":{"constructor":1},"metadata":{"__proto__":1},"hyperparameters":[]}',
  '['.repeat(10_000),
  `{"a":${'{"a":'.repeat(200)}1${'}'.repeat(200)}}`,
  '{"framework":"hf","model_id":"tiny-llama","run_id":"x","checkpoint_base_uri":"s3://__proto__/constructor","dataset_uri":"/dev/null","extra_args":{"constructor":1}}',
  '{"base_model":"tiny-llama","dataset":"session:x@y","name":"x","metadata":{"__proto__":1}}',
  '{"tag":"release","provider":"__proto__","uri":"\\u202e"}',
  '{"session_id":1e999,"run_id":"\\u0000","name":"\\ud800"}',
];
const operationsSchema = z.looseObject({ paths: z.record(z.string(), z.record(z.string(), z.looseObject({}))) });

test('hostile ids, bodies and headers never give a 5xx', async () => {
  const { paths } = operationsSchema.parse((await plane.request('GET', '/openapi.json')).body);
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).flatMap((method) => {
      const ids = path.includes('{') ? IDS : [''];
      const bodies = ['post', 'put', 'patch'].includes(method) ? BODIES : [undefined];
      return ids.flatMap((id, index) => {
        const some = path.includes('{') ? [bodies[index % bodies.length]] : bodies;
        return some.map((body) => ({ method: method.toUpperCase(), path: path.replaceAll(/\{[^}]+\}/g, () => encodeUnlessRaw(id)), body }));
      });
    }),
  );

  const faults: string[] = [];
  for (const { method, path, body } of calls) {
    const reply = await fetch(plane.url + path, {
      method,
      headers: { 'content-type': 'application/json', 'last-event-id': 'NaN', accept: '*/*;q=x' },
      ...(body === undefined ? {} : { body }),
    });
    await reply.arrayBuffer();
    if (reply.status >= 500) faults.push(`${reply.status} ${method} ${path.slice(0, 80)} ${String(body).slice(0, 60)}`);
  }

  expect(calls.length).toBeGreaterThan(400);
  expect(faults).toEqual([]);
});

const encodeUnlessRaw = (id: string): string => (id.includes('%') ? id : encodeURIComponent(id));
