import { beforeEach, describe, expect, test } from 'vitest';
import type { Run } from '#domain/run.ts';
import { RunChange } from '#domain/run-change.ts';
import { collectGarbage } from '#operations/collect-garbage.ts';
import { deleteRun, finishDeletions } from '#operations/delete-run.ts';
import { tagArtifact } from '#operations/project-runs.ts';
import { seedDefaultProject } from '#operations/projects.ts';
import { keepEnvironment } from '#operations/run-environment.ts';
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

test('a deletion that was cut off is finished by the next look', async () => {
  const id = await aCompletedRun();
  plane.artifacts.removeFolder = async () => {
    throw new Error('the plane dies here');
  };
  await expect(deleteRun(plane.ports, id)).rejects.toThrow('dies here');
  Reflect.deleteProperty(plane.artifacts, 'removeFolder');

  await finishDeletions(plane.ports);

  expect([...plane.artifacts.files.keys()].filter((key) => key.startsWith(`runs/${id}/`))).toEqual([]);
  expect(await plane.documents.list('deletions', 10)).toEqual([]);
});

test('a deletion that was cut off before the run was gone leaves the run alone', async () => {
  const id = await aCompletedRun();
  await plane.documents.put('deletions', id, { folder: `runs/${id}/framework=hf` });

  await finishDeletions(plane.ports);

  expect((await plane.run(id)).state).toBe('completed');
  expect([...plane.artifacts.files.keys()].some((key) => key.startsWith(`runs/${id}/`))).toBe(true);
});

test('the values that a run was given go with it', async () => {
  const id = await aCompletedRun();
  await keepEnvironment(plane.ports, id, { HF_TOKEN: 'hf_secret' });

  await deleteRun(plane.ports, id);

  expect(await plane.documents.get('run-environments', id)).toBeNull();
});

describe('many by age', () => {
  const DAY = 24 * 3_600_000;

  test('goes for those that are over for long enough, says what it keeps, and does nothing on a dry run', async () => {
    await seedDefaultProject(plane.ports);
    const old = await aCompletedRun();
    const tagged = await aCompletedRun();
    await tagArtifact(
      plane.ports,
      { projectId: 'proj_default', runId: tagged, artifactId: `art_${tagged.slice(4)}_adapter` },
      { value: 'release', notes: null },
    );
    const atWork = await plane.create();
    plane.now += 30 * DAY;
    const young = await aCompletedRun();
    const order = { before: plane.now - 7 * DAY, limit: 100, isDryRun: false };

    const look = await collectGarbage(plane.ports, { ...order, isDryRun: true });
    const report = await collectGarbage(plane.ports, order);

    expect(look).toEqual(report);
    expect(report).toMatchObject({ deleted: [old], kept: [{ id: tagged, reason: expect.stringContaining('tagged') }], next: null });
    expect((await plane.runs.list({}, 10)).map(({ run }) => run.id).sort()).toEqual([tagged, atWork, young].sort());
  });

  test('goes page by page', async () => {
    plane.now += 365 * DAY; // ids never go back, and the test before was a month ahead
    const ids = [await aCompletedRun(), await aCompletedRun(), await aCompletedRun()];
    plane.now += 30 * DAY;
    const order = { before: plane.now - 7 * DAY, limit: 2, isDryRun: false };

    const first = await collectGarbage(plane.ports, order);
    const second = await collectGarbage(plane.ports, { ...order, after: first.next ?? undefined });

    expect([...first.deleted, ...second.deleted].sort()).toEqual(ids.sort());
    expect(second.next).toBeNull();
  });
});
