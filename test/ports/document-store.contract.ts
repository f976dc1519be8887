/** What every DocumentStore promises. The AWS twin runs this file too. */
import { expect } from 'vitest';
import type { AnswerStore, Remembered } from '#ports/answer-store.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import { contractSuite, eventually, type Skips, type World } from '../support/contract-suite.ts';

export interface DocumentStoreWorld extends World {
  readonly documents: DocumentStore;
  readonly answers: AnswerStore;
}

const REMEMBERED: Remembered = {
  scope: 'anna POST /api/sft/configs key-1',
  bodyHash: 'a'.repeat(64),
  answer: { status: 200, headers: {}, body: '{}' },
};

export function documentStoreContract(open: () => Promise<DocumentStoreWorld>, skips: Skips = {}): void {
  contractSuite('a document store', open, skips, {
    'gives back what was put': async ({ documents }) => {
      const value = { name: 'ä 🦜', config: { learning_rate: 2e-4, nested: [1, null, { deep: true }] } };

      await documents.put('configs', 'cfg_1', value);

      expect(await documents.get('configs', 'cfg_1')).toEqual(value);
    },

    'knows nothing that was not put': async ({ documents }) => {
      await documents.put('configs', 'cfg_1', {});

      expect(await documents.get('configs', 'cfg_2')).toBeNull();
      expect(await documents.get('sessions', 'cfg_1')).toBeNull();
      expect(await documents.list('sessions', 10)).toEqual([]);
    },

    'lets one of 20 parallel changes of one version win': async ({ documents }) => {
      await documents.put('projects', 'proj_1', { version: 1, name: 'first' });

      const results = await Promise.allSettled(
        Array.from({ length: 20 }, (_, index) => documents.change('projects', 'proj_1', { version: 2, name: `rival ${index}` }, 1)),
      );

      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(results.filter((result) => result.status === 'rejected' && result.reason instanceof VersionConflict)).toHaveLength(19);
      expect(await documents.get('projects', 'proj_1')).toMatchObject({ version: 2, name: expect.stringMatching(/^rival/) });
    },

    'changes nothing that is not there': async ({ documents }) => {
      await expect(documents.change('projects', 'proj_1', { version: 2 }, 1)).rejects.toThrow(VersionConflict);

      expect(await documents.get('projects', 'proj_1')).toBeNull();
    },

    'replaces what was there': async ({ documents }) => {
      await documents.put('configs', 'cfg_1', { name: 'first', extra: 1 });

      await documents.put('configs', 'cfg_1', { name: 'second' });

      expect(await documents.get('configs', 'cfg_1')).toEqual({ name: 'second' });
      await eventually(async () => expect(await documents.list('configs', 10)).toEqual([{ id: 'cfg_1', value: { name: 'second' } }]));
    },

    'lists one collection, newest id first, page by page': async ({ documents }) => {
      for (const id of ['cfg_2', 'cfg_1', 'cfg_3']) await documents.put('configs', id, { name: id });
      await documents.put('sessions', 'cfg_9', {});

      await eventually(async () => {
        expect(await documents.list('configs', 10)).toEqual(['cfg_3', 'cfg_2', 'cfg_1'].map((id) => ({ id, value: { name: id } })));
        expect((await documents.list('configs', 2)).map(({ id }) => id)).toEqual(['cfg_3', 'cfg_2']);
        expect((await documents.list('configs', 2, 'cfg_2')).map(({ id }) => id)).toEqual(['cfg_1']);
      });
    },

    'gives a document that is taken to one of 20 callers, and to nobody after': async ({ documents }) => {
      await documents.put('tickets', 't_1', { runId: 'run_1' });
      await documents.put('tickets', 't_2', { runId: 'run_2' });

      const taken = await Promise.all(Array.from({ length: 20 }, () => documents.take('tickets', 't_1')));

      expect(taken.filter((value) => value !== null)).toEqual([{ runId: 'run_1' }]);
      expect(await documents.get('tickets', 't_1')).toBeNull();
      expect(await documents.get('tickets', 't_2')).toEqual({ runId: 'run_2' });
    },

    'removes what has expired, of one collection, and nothing that has not or never does': async ({ documents }) => {
      await documents.put('tickets', 'old', { expiresAt: 1_000 });
      await documents.put('tickets', 'now', { expiresAt: 2_000 });
      await documents.put('tickets', 'ever', { name: 'kept' });
      await documents.put('other', 'old', { expiresAt: 1_000 });

      await documents.expire('tickets', 2_000);

      await eventually(async () => expect((await documents.list('tickets', 10)).map(({ id }) => id)).toEqual(['now', 'ever']));
      expect(await documents.get('other', 'old')).toEqual({ expiresAt: 1_000 });
    },

    'stores a document and its remembered answer together': async ({ documents, answers }) => {
      await documents.put('configs', 'cfg_1', { name: 'first' }, REMEMBERED);

      expect(await documents.get('configs', 'cfg_1')).toEqual({ name: 'first' });
      expect(await answers.find(REMEMBERED.scope)).toMatchObject(REMEMBERED);
    },

    'stores no document where the answer is there already': async ({ documents }) => {
      await documents.put('configs', 'cfg_1', { name: 'first' }, REMEMBERED);

      await expect(documents.put('configs', 'cfg_2', { name: 'second' }, REMEMBERED)).rejects.toThrow(VersionConflict);

      expect(await documents.get('configs', 'cfg_2')).toBeNull();
    },
  });
}
