/**
 * npm run simulate -- 3482          replays one seed and prints what happened, step by step
 * npm run simulate -- 1 1000000     looks for seeds that end badly
 */
import { styleText } from 'node:util';
import { simulateAll } from './seeds.ts';
import { simulate } from './simulation.ts';
import { Violation } from './store.ts';

const NOTE_EVERY = 5_000;
const [from = Number.NaN, to = from] = process.argv.slice(2).map(Number);
if (!Number.isInteger(from) || !Number.isInteger(to) || to < from) {
  console.error('usage: npm run simulate -- SEED [LAST_SEED]      a seed is a whole number');
  process.exitCode = 2;
} else if (from === to) await replay(from);
else await search(from, to);

async function replay(seed: number): Promise<void> {
  try {
    const { trace, outcomes, steps } = await simulate(seed, true);
    console.log(trace?.join('\n'));
    console.log(`seed ${seed}: ${steps} steps, ${outcomes.join(', ')}`);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    console.log(error.trace.join('\n'));
    console.log(styleText('red', `seed ${seed}: ${error.message}`));
    process.exitCode = 1;
  }
}

async function search(from: number, to: number): Promise<void> {
  const { outcomes, violations } = await simulateAll({ from, to }, ({ seed }) => {
    if (seed % NOTE_EVERY === 0) console.log(`${seed - from + 1} of ${to - from + 1} seeds`);
  });
  console.log(outcomes);
  for (const violation of violations) console.log(styleText('red', violation));
  if (violations.length > 0) process.exitCode = 1;
}
