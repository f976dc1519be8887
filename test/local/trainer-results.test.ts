/** What a trainer leaves is in the lists of the plane: the result, and what tells of it. */
import { expect, test } from 'vitest';
import { ScriptedPlane } from '../support/scripted-plane.ts';

test("a finished run's artifacts are its checkpoints, its adapter, its samples, its evaluations and its configuration", async () => {
  await using plane = await ScriptedPlane.start({ stepSeconds: 0.01, evalEvery: 2 });
  const id = await plane.startJob({ max_steps: 4, save_steps: 2 });
  await plane.jobWhenDone(id);

  const { body } = await plane.request('GET', `/projects/proj_default/runs/${id}/artifacts`);

  const items: { type: string; path: string; size_bytes: number }[] = Object(body).items;
  expect(new Set(items.map(({ type }) => type))).toEqual(new Set(['checkpoint', 'adapter', 'samples', 'evaluation', 'config']));
  expect(items.every(({ path, size_bytes }) => path.startsWith('/') && size_bytes > 0)).toBe(true);
});
