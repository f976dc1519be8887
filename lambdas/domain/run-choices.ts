import type { Run } from './run.ts';

/** What was chosen later replaces what was chosen before under the same name. */
export const mergeChoices = (before: Run['choices'], now: readonly Run['choices'][number][]): Run['choices'] => [
  ...before.filter(({ name }) => !now.some((choice) => choice.name === name)),
  ...now,
];
