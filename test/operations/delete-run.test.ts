import { beforeEach, describe, expect, test } from 'vitest';
import type { Run } from '#domain/run.ts';
import { RunChange } from '#domain/run-change.ts';
import { deleteRun } from '#operations/delete-run.ts';
import { stopRun } from '#operations/stop-run.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
});

async function aCompletedRun(change: (run: Run) => void = () => {}): Promise<string> {
  const id = await plane.create();
  await plane.settle(id);
  await plane.trainer(id).claim();
  await plane.trainer(id).checkpoint(10);
  await plane.trainer(id).finish('completed');
  await plane.settle(id);
  const draft = new RunChange(await plane.run(id), plane.now);
  change(draft.run);
  draft.note('warning-raised', { message: 'changed by the test' });
  await plane.runs.change(draft.run, draft.run.version - 1, draft.events);
  return id;
}

const filesOf = (part: string): string[] => [...plane.artifacts.files.keys()].filter((key) => key.includes(part));

test('a run that is over goes with its record, its timeline, its log index and its folder, and no other does', async () => {
  const id = await aCompletedRun();
  const other = await aCompletedRun();
  await plane.logIndex.add(id, [{ attempt: 1, chunk: 1, firstAt: '2026-01-01T00:00:00.000Z' }]);
  await plane.runs.markDelivered(await plane.runs.undelivered(1_000));
  const kept = filesOf(other).length;

  await deleteRun(plane.ports, id);

  expect(await plane.runs.get(id)).toBeNull();
  expect(await plane.runs.events(id, 0, 100)).toEqual([]);
  expect(plane.logIndex.rows.has(id)).toBe(false);
  expect(filesOf(id)).toEqual([]);
  expect(filesOf(other)).toHaveLength(kept);
  await expect(deleteRun(plane.ports, id)).rejects.toMatchObject({ code: 'run_not_found' });
});

test('in a folder that runs share, only what is its own goes', async () => {
  const id = await aCompletedRun((run) => {
    run.folder = 'bases/mine/framework=hf';
  });
  const record = plane.artifacts.files.get(`runs/${id}/framework=hf/checkpoints/step-000010.json`) ?? '';
  const shared = 'bases/mine/framework=hf/';
  const own = [
    `logs/${id}-0001-00000001.jsonl`,
    `metrics/${id}-overview.json`,
    `attempts/${id}-0001/spec.json`,
    `artifacts/${id}/adapter/a`,
    `config/${id}.json`,
    'checkpoints/step-000010/weights',
  ];
  const others = [
    'logs/run_b-0001-00000001.jsonl',
    'attempts/run_b-0001/spec.json',
    'artifacts/run_b/adapter/a',
    'config/run.json',
    'checkpoints/step-000020/weights',
  ];
  for (const key of [...own, ...others]) await plane.artifacts.put(shared + key, 'x');
  await plane.artifacts.put(`${shared}checkpoints/step-000010.json`, record);
  await plane.artifacts.put(`${shared}checkpoints/step-000020.json`, record.replaceAll(id, 'run_b').replaceAll('000010', '000020'));

  await deleteRun(plane.ports, id);

  expect(filesOf(shared).sort()).toEqual([...others, 'checkpoints/step-000020.json'].map((key) => shared + key).sort());
});

describe('is refused by name for', () => {
  test.each<[string, (run: Run) => void, string]>([
    [
      'a run with a tagged artifact',
      (run) => void Object.assign(run, { tags: { ckpt_x: [{ value: 'release', notes: null, appliedAt: '' }] } }),
      "holds the tagged artifact 'ckpt_x' and is kept",
    ],
    [
      'one that another went on from',
      (run) => void Object.assign(run, { pinnedCheckpoints: ['step-000010'] }),
      'is kept: another run went on from its step-000010',
    ],
  ])('%s', async (_, change, sentence) => {
    const id = await aCompletedRun(change);

    await expect(deleteRun(plane.ports, id)).rejects.toMatchObject({ code: 'transition_refused', message: `run '${id}' ${sentence}` });
    expect(filesOf(id).length).toBeGreaterThan(0);
  });

  test('a run that is not over', async () => {
    const id = await plane.create();

    await expect(deleteRun(plane.ports, id)).rejects.toMatchObject({ message: `run '${id}' is queued: stop it before it is deleted` });
    await stopRun(plane.ports, id);
    await deleteRun(plane.ports, id);
  });

  test('one that is tagged at the same moment: nothing is removed', async () => {
    const id = await aCompletedRun();
    const list = plane.artifacts.list.bind(plane.artifacts);
    const { remove } = plane.runs;
    plane.runs.remove = async (runId, version) => {
      const draft = new RunChange(await plane.run(id), plane.now);
      draft.note('warning-raised', { message: 'somebody was first' });
      await plane.runs.change(draft.run, version, draft.events);
      await remove.call(plane.runs, runId, version);
    };

    await expect(deleteRun(plane.ports, id)).rejects.toThrow('was changed by someone else');
    expect((await list(`runs/${id}/`)).length).toBeGreaterThan(0);
  });
});
