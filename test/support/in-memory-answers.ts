import type { Answer, AnswerKey, AnswerRecord, AnswerStore, Remembered } from '#ports/answer-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';

/** Idempotent answers in a map, with the promises of the contract suite. */
export class InMemoryAnswers implements AnswerStore {
  readonly records = new Map<string, AnswerRecord>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async find(scope: string): Promise<AnswerRecord | null> {
    return this.records.get(scope) ?? null;
  }

  async begin(key: AnswerKey, now: number, staleBefore: number): Promise<boolean> {
    const held = this.records.get(key.scope);
    if (held && (held.answer !== null || held.begunAt >= staleBefore)) return false;
    this.records.set(key.scope, { ...key, answer: null, begunAt: now });
    return true;
  }

  async finish(key: AnswerKey, answer: Answer): Promise<void> {
    const held = this.records.get(key.scope);
    if (held && held.answer === null && held.bodyHash === key.bodyHash) this.records.set(key.scope, { ...held, answer });
  }

  async forget(scope: string): Promise<void> {
    this.records.delete(scope);
  }

  async expire(before: number): Promise<void> {
    for (const [scope, { begunAt }] of this.records) if (begunAt < before) this.records.delete(scope);
  }

  /** What a store does inside the transaction of a create. @throws VersionConflict */
  store({ answer, ...key }: Remembered): void {
    if (this.records.has(key.scope)) throw new VersionConflict('answer');
    this.records.set(key.scope, { ...key, answer, begunAt: this.#clock.now() });
  }
}
