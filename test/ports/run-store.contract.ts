/** What every RunStore promises. The AWS twin runs this file too. */
import { expect } from 'vitest';
import { makeId } from '#domain/ids.ts';
import type { Run, RunEvent } from '#domain/run.ts';
import { isFinal, RUN_STATES } from '#domain/run-lifecycle.ts';
import type { AnswerStore, Remembered } from '#ports/answer-store.ts';
import { NameTaken, type RunFilter, type RunStore, VersionConflict } from '#ports/run-store.ts';
import { anEvent, aProgress, aRun, EPOCH, EPOCH_TIME } from '../support/builders.ts';
import { contractSuite, eventually, type Skips, type World } from '../support/contract-suite.ts';

export interface RunStoreWorld extends World {
  readonly runs: RunStore;
  readonly answers: AnswerStore;
}

const REMEMBERED: Remembered = {
  scope: 'anna POST /api/sft/train key-1',
  bodyHash: 'a'.repeat(64),
  answer: { status: 200, headers: {}, body: '{}' },
};

const laterVersion = (run: Run, changes: Partial<Run> = {}): Run => ({ ...run, ...changes, version: run.version + 1 });

async function created(runs: RunStore, overrides: Partial<Run> = {}): Promise<Run> {
  const run = aRun(overrides);
  await runs.create(run, [anEvent(run)]);
  return run;
}

async function outcomesOf(writes: readonly Promise<unknown>[]): Promise<{ won: number; conflicts: number }> {
  const results = await Promise.allSettled(writes);
  return {
    won: results.filter(({ status }) => status === 'fulfilled').length,
    conflicts: results.filter((result) => result.status === 'rejected' && result.reason instanceof VersionConflict).length,
  };
}

const byRun = (events: readonly RunEvent[], run: Run): number[] =>
  events.filter(({ runId }) => runId === run.id).map(({ sequence }) => sequence);

export function runStoreContract(open: () => Promise<RunStoreWorld>, skips: Skips = {}): void {
  contractSuite('a run store', open, skips, {
    'gives back a run as it was created, without progress': async ({ runs }) => {
      const run = await created(runs, { name: 'poésie 🦜', request: { note: 'x'.repeat(100_000) } });

      const view = await runs.get(run.id);

      expect(view).toEqual({ run, progress: null });
    },

    'knows no run that was not created': async ({ runs }) => {
      const id = makeId('run', EPOCH);

      expect(await runs.get(id)).toBeNull();
      expect(await runs.events(id, 0, 10)).toEqual([]);
    },

    'lets exactly one of 50 parallel creates of one id win': async ({ runs }) => {
      const id = makeId('run', EPOCH);
      const rivals = Array.from({ length: 50 }, (_, index) => aRun({ id, name: `rival ${index}` }));

      const outcomes = await outcomesOf(rivals.map((run) => runs.create(run, [anEvent(run, { message: String(run.name) })])));

      expect(outcomes).toEqual({ won: 1, conflicts: 49 });
      const view = await runs.get(id);
      const events = await runs.events(id, 0, 100);
      expect(events.map(({ message }) => message)).toEqual([view?.run.name]);
    },

    'stores a run and its remembered answer together': async ({ runs, answers }) => {
      const run = aRun();

      await runs.create(run, [anEvent(run)], REMEMBERED);

      expect(await runs.get(run.id)).not.toBeNull();
      expect(await answers.find(REMEMBERED.scope)).toMatchObject(REMEMBERED);
    },

    'stores neither run nor events where the answer is there already': async ({ runs, answers }) => {
      const first = aRun();
      const second = aRun();
      await runs.create(first, [anEvent(first)], REMEMBERED);

      const attempt = runs.create(second, [anEvent(second)], { ...REMEMBERED, answer: { ...REMEMBERED.answer, body: 'second' } });

      await expect(attempt).rejects.toThrow(VersionConflict);
      expect(await runs.get(second.id)).toBeNull();
      expect(await runs.events(second.id, 0, 10)).toEqual([]);
      expect(await answers.find(REMEMBERED.scope)).toMatchObject(REMEMBERED);
    },

    'stores no answer where the run is there already': async ({ runs, answers }) => {
      const run = await created(runs);

      await expect(runs.create(run, [anEvent(run)], REMEMBERED)).rejects.toThrow(VersionConflict);

      expect(await answers.find(REMEMBERED.scope)).toBeNull();
    },

    'gives a name to one run for ever: of 50 parallel creates of one name exactly one makes a run': async ({ runs }) => {
      const rivals = Array.from({ length: 50 }, () => aRun());

      const results = await Promise.allSettled(rivals.map((run) => runs.create(run, [anEvent(run)], undefined, [{ name: 'job:poems' }])));

      const views = (await Promise.all(rivals.map(({ id }) => runs.get(id)))).filter((view) => view !== null);
      expect(views).toHaveLength(1);
      expect(results.filter((result) => result.status === 'rejected' && result.reason instanceof NameTaken)).toHaveLength(49);
      expect(await runs.findByName('job:poems')).toBe(views[0]?.run.id);
      expect(await runs.count({})).toBe(1);
    },

    'knows no name that nobody has': async ({ runs }) => {
      expect(await runs.findByName('job:poems')).toBeNull();
    },

    'stores neither run nor any name where one of its names is taken': async ({ runs, answers }) => {
      const [holder, rival] = [aRun(), aRun()];
      await runs.create(holder, [anEvent(holder)], undefined, [{ name: 'b' }]);

      const attempt = runs.create(rival, [anEvent(rival)], REMEMBERED, [{ name: 'a' }, { name: 'b' }]);

      await expect(attempt).rejects.toMatchObject({ name: 'NameTaken', claim: 'b' });
      expect([await runs.get(rival.id), await runs.findByName('a'), await answers.find(REMEMBERED.scope)]).toEqual([null, null, null]);
      expect(await runs.events(rival.id, 0, 10)).toEqual([]);
    },

    'hands a name on from the run that is named as its holder, once': async ({ runs }) => {
      const [holder, ...heirs] = [aRun(), aRun(), aRun()];
      if (!holder) throw new Error('no holder');
      await runs.create(holder, [anEvent(holder)], undefined, [{ name: 'folder' }]);

      const results = await Promise.allSettled(
        heirs.map((run) => runs.create(run, [anEvent(run)], undefined, [{ name: 'folder', heldBy: holder.id }])),
      );

      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(heirs.map(({ id }) => id)).toContain(await runs.findByName('folder'));
    },

    'answers a repeated create with its key before it looks at names': async ({ runs }) => {
      const [first, second] = [aRun(), aRun()];
      await runs.create(first, [anEvent(first)], REMEMBERED, [{ name: 'job:poems' }]);

      await expect(runs.create(second, [anEvent(second)], REMEMBERED, [{ name: 'job:poems' }])).rejects.toThrow(VersionConflict);
    },

    'tells runs that try again from those that never ran, in lists and counts': async ({ runs }) => {
      const fresh = await created(runs, { state: 'queued' });
      const again = await created(runs, { state: 'queued', startedAt: EPOCH_TIME });
      const running = await created(runs, { state: 'running', startedAt: EPOCH_TIME });
      const lost = laterVersion(running, { state: 'initializing' });
      await runs.change(lost, running.version, [anEvent(lost)]);

      const ids = async (filter: RunFilter): Promise<string[]> => (await runs.list(filter, 10)).map(({ run }) => run.id);

      await eventually(async () => {
        expect(await ids({ standing: ['running', 'queued-again', 'initializing-again'] })).toEqual([running.id, again.id]);
        expect(await ids({ standing: ['queued', 'initializing'] })).toEqual([fresh.id]);
        expect(await ids({ state: ['queued'] })).toEqual([again.id, fresh.id]);
        expect([await runs.count({ standing: ['queued-again'] }), await runs.count({ state: ['queued', 'initializing'] })]).toEqual([1, 3]);
        expect((await runs.unfinished()).map(({ state }) => state)).toEqual(['queued', 'queued', 'initializing']);
      });
    },

    'makes one run of 20 parallel creates with one key': async ({ runs }) => {
      const rivals = Array.from({ length: 20 }, () => aRun());

      const outcomes = await outcomesOf(rivals.map((run) => runs.create(run, [anEvent(run)], REMEMBERED)));

      expect(outcomes).toEqual({ won: 1, conflicts: 19 });
      const views = await Promise.all(rivals.map(({ id }) => runs.get(id)));
      expect(views.filter((view) => view !== null)).toHaveLength(1);
    },

    'takes a key that the same call had marked as in flight': async ({ runs, answers }) => {
      const run = aRun();
      await answers.begin(REMEMBERED, EPOCH, EPOCH - 30_000);

      await runs.create(run, [anEvent(run)], REMEMBERED);

      expect(await answers.find(REMEMBERED.scope)).toMatchObject(REMEMBERED);
    },

    'refuses a key that a call with another body holds': async ({ runs, answers }) => {
      const run = aRun();
      await answers.begin({ ...REMEMBERED, bodyHash: 'b'.repeat(64) }, EPOCH, EPOCH - 30_000);

      await expect(runs.create(run, [anEvent(run)], REMEMBERED)).rejects.toThrow(VersionConflict);

      expect(await runs.get(run.id)).toBeNull();
    },

    'writes a change and appends its events': async ({ runs }) => {
      const run = await created(runs);
      const queued = laterVersion(run, { state: 'queued' });
      const next = laterVersion(queued, { state: 'initializing' });

      await runs.change(next, run.version, [anEvent(queued), anEvent(next)]);

      expect((await runs.get(run.id))?.run).toEqual(next);
      expect(await runs.events(run.id, 0, 10)).toEqual([anEvent(run), anEvent(queued), anEvent(next)]);
    },

    'refuses a change of an older version and keeps everything': async ({ runs }) => {
      const run = await created(runs);
      const first = laterVersion(run, { state: 'queued' });
      await runs.change(first, run.version, [anEvent(first)]);
      const late = laterVersion(run, { state: 'stopped' });

      await expect(runs.change(late, run.version, [anEvent(late)])).rejects.toThrow(VersionConflict);

      expect((await runs.get(run.id))?.run).toEqual(first);
      expect(await runs.events(run.id, 0, 10)).toEqual([anEvent(run), anEvent(first)]);
    },

    'refuses a change of a run that is not there': async ({ runs }) => {
      const run = laterVersion(aRun());

      await expect(runs.change(run, 1, [anEvent(run)])).rejects.toThrow(VersionConflict);

      expect(await runs.get(run.id)).toBeNull();
    },

    'numbers events without a gap, however many writers there are': async ({ runs }) => {
      const { id } = await created(runs);
      const writers = 10;
      const writeOnce = async (): Promise<void> => {
        for (;;) {
          const run = (await runs.get(id))?.run ?? aRun();
          const next = laterVersion(run);
          const written = await runs.change(next, run.version, [anEvent(next)]).then(
            () => true,
            (error) => {
              if (error instanceof VersionConflict) return false;
              throw error;
            },
          );
          if (written) return;
        }
      };

      await Promise.all(Array.from({ length: writers }, writeOnce));

      const events = await runs.events(id, 0, 100);
      expect(events.map(({ sequence }) => sequence)).toEqual(Array.from({ length: writers + 1 }, (_, index) => index + 1));
      expect((await runs.get(id))?.run.version).toBe(writers + 1);
    },

    'pages through events by sequence': async ({ runs }) => {
      const run = aRun({ version: 5 });
      const events = [1, 2, 3, 4, 5].map((sequence) => anEvent(run, { sequence }));
      await runs.create(run, events);

      expect(await runs.events(run.id, 0, 2)).toEqual(events.slice(0, 2));
      expect(await runs.events(run.id, 2, 2)).toEqual(events.slice(2, 4));
      expect(await runs.events(run.id, 4, 2)).toEqual(events.slice(4));
      expect(await runs.events(run.id, 5, 2)).toEqual([]);
    },

    'keeps the newest progress and refuses an older one': async ({ runs }) => {
      const { id } = await created(runs);
      const report = (attempt: number, sequence: number): Promise<boolean> => runs.recordProgress(id, aProgress({ attempt, sequence }));

      const taken = [
        await report(1, 5),
        await report(1, 5),
        await report(1, 4),
        await report(1, 6),
        await report(2, 1),
        await report(1, 99),
        await report(2, 0),
      ];

      expect(taken).toEqual([true, false, false, true, true, false, false]);
      expect((await runs.get(id))?.progress).toEqual(aProgress({ attempt: 2, sequence: 1 }));
    },

    'keeps the highest of many progress reports at once': async ({ runs }) => {
      const { id } = await created(runs);
      const sequences = [3, 9, 1, 7, 5, 8, 2, 6, 4];

      await Promise.all(sequences.map((sequence) => runs.recordProgress(id, aProgress({ sequence }))));

      expect((await runs.get(id))?.progress?.sequence).toBe(9);
    },

    'takes no progress of a run that is not there': async ({ runs }) => {
      const id = makeId('run', EPOCH);

      expect(await runs.recordProgress(id, aProgress())).toBe(false);
      expect(await runs.get(id)).toBeNull();
    },

    'lets progress and changes pass each other': async ({ runs }) => {
      const run = await created(runs);
      const next = laterVersion(run, { state: 'queued' });

      await runs.recordProgress(run.id, aProgress({ sequence: 1 }));
      await runs.change(next, run.version, [anEvent(next)]);
      await runs.recordProgress(run.id, aProgress({ sequence: 2 }));

      expect(await runs.get(run.id)).toEqual({ run: next, progress: aProgress({ sequence: 2 }) });
    },

    'lists newest first, page by page': async ({ runs }) => {
      const ids: string[] = [];
      for (let index = 0; index < 5; index++) ids.unshift((await created(runs)).id);

      await eventually(async () => {
        expect((await runs.list({}, 10)).map(({ run }) => run.id)).toEqual(ids);
        expect((await runs.list({}, 2)).map(({ run }) => run.id)).toEqual(ids.slice(0, 2));
        expect((await runs.list({}, 2, ids[1])).map(({ run }) => run.id)).toEqual(ids.slice(2, 4));
        expect(await runs.list({}, 2, ids[4])).toEqual([]);
      });
    },

    'lists each run with its newest progress': async ({ runs }) => {
      const run = await created(runs);
      await runs.recordProgress(run.id, aProgress({ step: 7 }));

      await eventually(async () => expect(await runs.list({}, 10)).toEqual([{ run, progress: aProgress({ step: 7 }) }]));
    },

    'lists and counts by any combination of filters': async ({ runs }) => {
      const all: Run[] = [];
      for (const state of ['queued', 'running', 'failed'] as const) {
        for (const provider of ['local', 'aws-batch']) {
          for (const projectId of ['proj_default', 'proj_poems']) {
            for (const api of ['sft', 'management'] as const) all.unshift(await created(runs, { state, provider, projectId, api }));
          }
        }
      }
      const choices = {
        state: [undefined, ['failed'], ['queued', 'running'], ['stopped'], []],
        provider: [undefined, 'local', 'nowhere'],
        projectId: [undefined, 'proj_poems'],
        api: [undefined, 'management', 'orchestrator'],
      } as const;

      for (const state of choices.state) {
        for (const provider of choices.provider) {
          for (const projectId of choices.projectId) {
            for (const api of choices.api) {
              const filter: RunFilter = {
                ...(state && { state }),
                ...(provider && { provider }),
                ...(projectId && { projectId }),
                ...(api && { api }),
              };
              const expected = all
                .filter((run) => !state || state.some((wanted) => wanted === run.state))
                .filter(
                  (run) =>
                    (!provider || run.provider === provider) && (!projectId || run.projectId === projectId) && (!api || run.api === api),
                )
                .map(({ id }) => id);
              await eventually(async () => {
                const first = await runs.list(filter, 3);
                const rest = first.length < 3 ? [] : await runs.list(filter, 100, first[2]?.run.id);
                expect([...first, ...rest].map(({ run }) => run.id)).toEqual(expected);
                expect(await runs.count(filter)).toBe(expected.length);
              });
            }
          }
        }
      }
    },

    'moves a run to the lists and counts of its new state': async ({ runs }) => {
      const run = await created(runs, { state: 'queued' });
      const next = laterVersion(run, { state: 'failed' });

      await runs.change(next, run.version, [anEvent(next)]);

      await eventually(async () => {
        expect(await runs.list({ state: ['queued'] }, 10)).toEqual([]);
        expect((await runs.list({ state: ['failed'] }, 10)).map((view) => view.run)).toEqual([next]);
        expect([await runs.count({ state: ['queued'] }), await runs.count({ state: ['failed'] }), await runs.count({})]).toEqual([0, 1, 1]);
      });
    },

    'counts nothing that was refused': async ({ runs }) => {
      const run = await created(runs, { state: 'queued' });
      const moved = laterVersion(run, { state: 'failed' });

      await outcomesOf([runs.create(run, [anEvent(run)]), runs.change(moved, 9, [anEvent(moved)])]);

      await eventually(async () => {
        expect([await runs.count({ state: ['queued'] }), await runs.count({ state: ['failed'] })]).toEqual([1, 0]);
      });
    },

    'names the runs that are not final, oldest first': async ({ runs }) => {
      const unfinished: { id: string; state: Run['state'] }[] = [];
      for (const state of RUN_STATES) {
        const run = await created(runs, { state });
        if (!isFinal(state)) unfinished.push({ id: run.id, state });
      }

      await eventually(async () => expect(await runs.unfinished()).toEqual(unfinished));
    },

    'removes a run with its timeline, and counts it no more': async ({ runs }) => {
      const run = await created(runs);
      const other = await created(runs);
      await eventually(async () => expect(await runs.undelivered(10)).toHaveLength(2));
      await runs.markDelivered(await runs.undelivered(10));

      await runs.remove(run.id, run.version);

      expect(await runs.get(run.id)).toBeNull();
      await eventually(async () => {
        expect(await runs.events(run.id, 0, 10)).toEqual([]);
        expect((await runs.list({}, 10)).map((view) => view.run.id)).toEqual([other.id]);
        expect(await runs.count({})).toBe(1);
      });
    },

    'removes no run that was changed meanwhile': async ({ runs }) => {
      const run = await created(runs);
      const next = laterVersion(run);
      await runs.change(next, run.version, [anEvent(next)]);

      expect(await outcomesOf([runs.remove(run.id, run.version)])).toEqual({ won: 0, conflicts: 1 });
      expect(await runs.get(run.id)).not.toBeNull();
    },

    'hands over the events of a run that was removed before': async ({ runs }) => {
      const run = await created(runs);

      await runs.remove(run.id, run.version);

      await eventually(async () => expect(await runs.undelivered(10)).toEqual([anEvent(run)]));
    },

    'hands out undelivered events until they are marked': async ({ runs }) => {
      const run = await created(runs);
      await eventually(async () => expect(await runs.undelivered(10)).toEqual([anEvent(run)]));
      expect(await runs.undelivered(10)).toEqual([anEvent(run)]);

      await runs.markDelivered(await runs.undelivered(10));

      await eventually(async () => expect(await runs.undelivered(10)).toEqual([]));
      expect(await runs.events(run.id, 0, 10)).toEqual([anEvent(run)]);
    },

    'hands out the events of a run in their order, in portions': async ({ runs }) => {
      const first = await created(runs);
      const second = await created(runs);
      for (let version = 1; version < 6; version++) {
        for (const run of [first, second]) {
          const next = { ...run, version: version + 1 };
          await runs.change(next, version, [anEvent(next)]);
        }
      }
      const handedOver: RunEvent[] = [];

      await eventually(async () => {
        const portion = await runs.undelivered(5);
        handedOver.push(...portion);
        await runs.markDelivered(portion);
        expect(handedOver).toHaveLength(12);
      });

      expect(byRun(handedOver, first)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(byRun(handedOver, second)).toEqual([1, 2, 3, 4, 5, 6]);
    },

    'hands out the events of one run alone, where it is asked for': async ({ runs }) => {
      const [first, second] = [await created(runs), await created(runs)];

      expect(await runs.undelivered(10, second.id)).toEqual([anEvent(second)]);
      expect(await runs.undelivered(10, first.id)).toEqual([anEvent(first)]);
      expect(await runs.undelivered(10, makeId('run', EPOCH))).toEqual([]);
    },

    'does not mark what came after the portion that was handed over': async ({ runs }) => {
      const run = await created(runs);
      await eventually(async () => expect(await runs.undelivered(10)).toHaveLength(1));
      const portion = await runs.undelivered(10);
      const next = laterVersion(run);
      await runs.change(next, run.version, [anEvent(next)]);

      await runs.markDelivered(portion);

      await eventually(async () => expect(await runs.undelivered(10)).toEqual([anEvent(next)]));
    },

    'bears a portion that is marked twice': async ({ runs }) => {
      const run = await created(runs);
      await eventually(async () => expect(await runs.undelivered(10)).toHaveLength(1));
      const portion = await runs.undelivered(10);
      await runs.markDelivered(portion);
      const next = laterVersion(run);
      await runs.change(next, run.version, [anEvent(next)]);

      await runs.markDelivered(portion);

      await eventually(async () => expect(await runs.undelivered(10)).toEqual([anEvent(next)]));
    },
  });
}
