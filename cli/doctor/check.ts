/** A check of `doctor`: what was found, and what to do about it. A new one is a file here and a row in run-checks.ts. */
import type { AnswerOf } from '../answers.ts';
import type { Session } from '../session.ts';
import type { World } from '../world.ts';

export type Finding = AnswerOf<'doctor'>['checks'][number];
export type Verdict = Finding['verdict'];

/** What checks look at. */
export interface Checked {
  readonly session: Session;
  readonly variables: World['variables'];
}

export interface Check {
  /** findings of one check have its name, or one that begins with it */
  readonly name: string;
  find(checked: Checked): Promise<readonly Finding[]>;
}

export const ok = (name: string, finding: string): Finding => ({ name, verdict: 'ok', finding, remedy: null });
export const note = (name: string, finding: string, remedy: string | null = null): Finding => ({ name, verdict: 'note', finding, remedy });
export const warning = (name: string, finding: string, remedy: string): Finding => ({ name, verdict: 'warning', finding, remedy });
export const failed = (name: string, finding: string, remedy: string): Finding => ({ name, verdict: 'failed', finding, remedy });
