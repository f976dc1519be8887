/** What every AnswerStore promises. The AWS twin runs this file too. */
import { expect } from 'vitest';
import type { Answer, AnswerKey, AnswerStore } from '#ports/answer-store.ts';
import { EPOCH } from '../support/builders.ts';
import { contractSuite, type Skips, type World } from '../support/contract-suite.ts';

export interface AnswerStoreWorld extends World {
  readonly answers: AnswerStore;
}

const KEY: AnswerKey = { scope: 'anna POST /api/sft/jobs/run_1/stop key-1', bodyHash: 'a'.repeat(64) };
const OTHER_BODY: AnswerKey = { ...KEY, bodyHash: 'b'.repeat(64) };
const ANSWER: Answer = { status: 200, headers: { 'content-type': 'application/json' }, body: '{"message":"Job run_1 stopped 🦜"}' };
const LATER = EPOCH + 30_001;

export function answerStoreContract(open: () => Promise<AnswerStoreWorld>, skips: Skips = {}): void {
  contractSuite('an answer store', open, skips, {
    'knows no key that was not used': async ({ answers }) => {
      expect(await answers.find(KEY.scope)).toBeNull();
    },

    'marks a key as in flight': async ({ answers }) => {
      const begun = await answers.begin(KEY, EPOCH, EPOCH - 30_000);

      expect(begun).toBe(true);
      expect(await answers.find(KEY.scope)).toEqual({ ...KEY, answer: null, begunAt: EPOCH });
    },

    'lets exactly one of 20 parallel calls begin': async ({ answers }) => {
      const begun = await Promise.all(Array.from({ length: 20 }, () => answers.begin(KEY, EPOCH, EPOCH - 30_000)));

      expect(begun.filter(Boolean)).toHaveLength(1);
    },

    'keeps the answer of a finished call': async ({ answers }) => {
      await answers.begin(KEY, EPOCH, EPOCH - 30_000);

      await answers.finish(KEY, ANSWER);

      expect(await answers.find(KEY.scope)).toEqual({ ...KEY, answer: ANSWER, begunAt: EPOCH });
      expect(await answers.begin(KEY, LATER, LATER)).toBe(false);
    },

    'lets a call that died in flight be taken over': async ({ answers }) => {
      await answers.begin(KEY, EPOCH, EPOCH - 30_000);

      const tooEarly = await answers.begin(OTHER_BODY, EPOCH + 30_000, EPOCH);
      const late = await answers.begin(OTHER_BODY, LATER, LATER - 30_000);

      expect([tooEarly, late]).toEqual([false, true]);
      expect(await answers.find(KEY.scope)).toEqual({ ...OTHER_BODY, answer: null, begunAt: LATER });
    },

    'keeps no answer of a call that was taken over with another body': async ({ answers }) => {
      await answers.begin(KEY, EPOCH, EPOCH - 30_000);
      await answers.begin(OTHER_BODY, LATER, LATER - 30_000);

      await answers.finish(KEY, ANSWER);

      expect((await answers.find(KEY.scope))?.answer).toBeNull();
    },

    'keeps the first answer of two': async ({ answers }) => {
      await answers.begin(KEY, EPOCH, EPOCH - 30_000);
      await answers.finish(KEY, ANSWER);

      await answers.finish(KEY, { ...ANSWER, status: 409 });

      expect((await answers.find(KEY.scope))?.answer).toEqual(ANSWER);
    },

    'lets a key that did nothing be used again': async ({ answers }) => {
      await answers.begin(KEY, EPOCH, EPOCH - 30_000);

      await answers.forget(KEY.scope);

      expect(await answers.find(KEY.scope)).toBeNull();
      expect(await answers.begin(OTHER_BODY, EPOCH, EPOCH - 30_000)).toBe(true);
    },

    'does not forget an answer that was given': async ({ answers }) => {
      await answers.begin(KEY, EPOCH, EPOCH - 30_000);
      await answers.finish(KEY, ANSWER);

      await answers.forget(KEY.scope);

      expect((await answers.find(KEY.scope))?.answer).toEqual(ANSWER);
    },

    'removes what is older than a day, and nothing else': async ({ answers }) => {
      const old = { ...KEY, scope: 'old' };
      const fresh = { ...KEY, scope: 'fresh' };
      await answers.begin(old, EPOCH, EPOCH - 30_000);
      await answers.finish(old, ANSWER);
      await answers.begin(fresh, EPOCH + 1, EPOCH - 30_000);

      await answers.expire(EPOCH + 1);

      expect(await answers.find('old')).toBeNull();
      expect(await answers.find('fresh')).not.toBeNull();
    },
  });
}
