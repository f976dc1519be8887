/** An HTTP answer kept for its Idempotency-Key. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One use of an Idempotency-Key: `scope` is caller + method + path + key, `bodyHash` the SHA-256 of the body. */
export interface AnswerKey {
  readonly scope: string;
  readonly bodyHash: string;
}

export interface AnswerRecord extends AnswerKey {
  /** null while the first call is in flight */
  readonly answer: Answer | null;
  /** milliseconds since 1970 */
  readonly begunAt: number;
}

/** Stored in the transaction of the create itself, so that the answer exists exactly when the thing does. */
export interface Remembered extends AnswerKey {
  readonly answer: Answer;
}

export interface AnswerStore {
  find(scope: string): Promise<AnswerRecord | null>;
  /** Marks the key as in flight. False where another call holds it; one begun before `staleBefore` (milliseconds) without an answer is taken over. */
  begin(key: AnswerKey, now: number, staleBefore: number): Promise<boolean>;
  finish(key: AnswerKey, answer: Answer): Promise<void>;
  /** The call failed before it did anything: the key may be used again. */
  forget(scope: string): Promise<void>;
  /** Removes what was begun before, in milliseconds. */
  expire(before: number): Promise<void>;
}
