/**
 * What the workflow carries from one round to the next: who, which generation, how many rounds, and where to go. Small, versioned, and all
 * that there is: everything else is read anew each time. An execution that was started by an older release brings an older shape, and a
 * round must understand every shape that was ever released.
 *
 *   start      {runId, generation}
 *   version 1  {version: 1, runId, generation, round, phase, waitSeconds}
 */
import * as z from 'zod';

/** Where the state machine goes; `done` and `handed-over` end an execution. */
export const ROUND_PHASES = ['prepare', 'launch', 'poll', 'finish', 'done', 'handed-over'] as const;

const startSchema = z.strictObject({ runId: z.string().min(1), generation: z.int().min(1) });
const roundSchema = z.strictObject({
  version: z.literal(1),
  runId: z.string().min(1),
  generation: z.int().min(1),
  round: z.int().min(0),
  phase: z.enum(ROUND_PHASES),
  waitSeconds: z.int().min(0),
});
export type Round = z.infer<typeof roundSchema>;

/** The one error that is not tried again: the same input would be as unreadable the next time. Its name is what the state machine goes by. */
export class RoundUnreadable extends Error {
  constructor(problem: string) {
    super(`the workflow brought what no release has written: ${problem}`);
    this.name = 'RoundUnreadable';
  }
}

/** @throws RoundUnreadable */
export function readRound(input: unknown): Round {
  const start = startSchema.safeParse(input);
  if (start.success) return { version: 1, ...start.data, round: 0, phase: 'prepare', waitSeconds: 0 };
  const round = roundSchema.safeParse(input);
  if (round.success) return round.data;
  throw new RoundUnreadable(round.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; '));
}
