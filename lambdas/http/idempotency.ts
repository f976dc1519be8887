/**
 * `Idempotency-Key`: a retry is answered with what the first call was answered, and does nothing.
 *
 *   key unknown, older than 24 h      -> the call is made
 *   same key, other body              -> idempotency_key_reused
 *   same key, first still in flight   -> idempotency_in_flight; after 30 s its caller counts as dead and the call is made again
 *   same key, answered                -> the stored answer, with `idempotency-replayed: true`
 *
 * A create stores its answer in its own transaction (`remember`): the answer exists exactly when the thing does, nothing is marked before,
 * and of two concurrent calls the loser gets a VersionConflict and is answered with the winner's. An action marks its key first and stores
 * its answer afterwards: killed in between, it may run a second time.
 * Kept is every answer below 500 that is not about the form of the request; a call that failed otherwise leaves its key free.
 * Known gap: an action that takes longer than 30 s can be joined by a retry. Actions are conditional writes, so the second changes nothing.
 */
import { hash } from 'node:crypto';
import { DomainError } from '#domain/errors.ts';
import type { Answer, AnswerKey, AnswerStore, Remembered } from '#ports/answer-store.ts';
import { VersionConflict } from '#ports/run-store.ts';
import type { Clock } from '#ports/workflow.ts';
import { type RenderedAnswer, renderReply } from './answer.ts';
import type { JsonReply } from './route.ts';

export const KEPT_MILLIS = 24 * 3_600_000;
export const STALE_MILLIS = 30_000;

const PRINTABLE = /^[\x20-\x7e]{1,255}$/;

/** @returns what is wrong with a key, or undefined */
export function keyProblem(key: string): string | undefined {
  if (PRINTABLE.test(key)) return undefined;
  return `must be 1 to 255 printable ASCII characters, got ${key.length}`;
}

/** Scoped by caller, method and path; hashed, so that its size is known and no path or key can forge another's scope. */
export function toAnswerKey(
  use: { caller: string; method: string; path: string; search: string; key: string },
  content: string | Buffer,
): AnswerKey {
  return {
    scope: hash('sha256', JSON.stringify([use.caller, use.method, use.path, use.key])),
    bodyHash: use.search ? hash('sha256', `${use.search}\n${hash('sha256', content)}`) : hash('sha256', content),
  };
}

export interface KeyedCall {
  readonly key: AnswerKey;
  readonly effect: 'creates' | 'acts';
  /** Makes the call. Gives its answer, refusals included; throws what must not be kept. */
  readonly perform: (remember: (reply: JsonReply) => Remembered) => Promise<RenderedAnswer>;
}

/** @throws DomainError `idempotency_key_reused`, `idempotency_in_flight`, and whatever `perform` throws */
export async function answerOnce(
  ports: { readonly answers: AnswerStore; readonly clock: Clock },
  { key, effect, perform }: KeyedCall,
): Promise<RenderedAnswer> {
  const earlier = await findAnswer(ports, key);
  if (earlier) return replay(earlier);
  return effect === 'creates' ? await create(ports, key, perform) : await act(ports, key, perform);
}

type AnswerPorts = Parameters<typeof answerOnce>[0];

async function create(ports: AnswerPorts, key: AnswerKey, perform: KeyedCall['perform']): Promise<RenderedAnswer> {
  let kept: Answer | undefined;
  try {
    const answer = await perform((reply) => {
      kept = toAnswer(renderReply(reply));
      return { ...key, answer: kept };
    });
    // What was stored is what is sent, to the letter: a replay must not differ.
    if (kept && answer.status < 400) return { ...kept, isBase64Encoded: false };
    if (await begin(ports, key)) await ports.answers.finish(key, toAnswer(answer)); // a refusal: nothing was made, so there was no transaction
    return answer;
  } catch (error) {
    if (!(error instanceof VersionConflict)) throw error;
    const winner = await findAnswer(ports, key);
    if (!winner) throw error; // the conflict was about something else
    return replay(winner);
  }
}

async function act(ports: AnswerPorts, key: AnswerKey, perform: KeyedCall['perform']): Promise<RenderedAnswer> {
  if (!(await begin(ports, key))) {
    const winner = await findAnswer(ports, key);
    if (winner) return replay(winner);
    throw inFlight();
  }
  let answer: RenderedAnswer;
  try {
    answer = await perform((reply) => ({ ...key, answer: toAnswer(renderReply(reply)) }));
  } catch (error) {
    await ports.answers.forget(key.scope);
    throw error;
  }
  await ports.answers.finish(key, toAnswer(answer));
  return answer;
}

function begin({ answers, clock }: AnswerPorts, key: AnswerKey): Promise<boolean> {
  const now = clock.now();
  return answers.begin(key, now, now - STALE_MILLIS);
}

/** @returns the answer to replay; undefined where the call may be made */
async function findAnswer({ answers, clock }: AnswerPorts, key: AnswerKey): Promise<Answer | undefined> {
  const record = await answers.find(key.scope);
  if (!record) return undefined;
  const now = clock.now();
  if (record.begunAt < now - KEPT_MILLIS) {
    await answers.expire(now - KEPT_MILLIS); // by age, not by name: another call may have stored a new answer meanwhile
    return undefined;
  }
  if (record.bodyHash !== key.bodyHash)
    throw new DomainError('idempotency_key_reused', 'this Idempotency-Key was used with another request body');
  if (record.answer) return record.answer;
  if (record.begunAt < now - STALE_MILLIS) return undefined;
  throw inFlight();
}

const inFlight = (): DomainError =>
  new DomainError('idempotency_in_flight', 'the first request with this Idempotency-Key is still in flight');

const toAnswer = ({ status, headers, body }: RenderedAnswer): Answer => ({ status, headers, body });

const replay = (answer: Answer): RenderedAnswer => ({
  ...answer,
  headers: { ...answer.headers, 'idempotency-replayed': 'true' },
  isBase64Encoded: false,
});
