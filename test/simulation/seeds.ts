/** Many seeds, one after another, in a thread of their own. */
import { parentPort, workerData } from 'node:worker_threads';
import { type History, simulate } from './simulation.ts';

export interface SeedRange {
  readonly from: number;
  readonly to: number;
}

export interface Findings {
  /** simulated runs by how they ended: `completed`, `failed diverged` */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly steps: number;
  /** the first ones, each with the seed that leads there */
  readonly violations: readonly string[];
}

const MAX_VIOLATIONS = 5;

export async function simulateAll({ from, to }: SeedRange, note: (history: History) => void = () => {}): Promise<Findings> {
  const outcomes: Record<string, number> = {};
  const violations: string[] = [];
  let steps = 0;
  for (let seed = from; seed <= to && violations.length < MAX_VIOLATIONS; seed++) {
    try {
      const history = await simulate(seed);
      note(history);
      steps += history.steps;
      for (const outcome of history.outcomes) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      violations.push(
        `seed ${seed}: ${error instanceof Error ? error.message : error}\n  npm run simulate -- ${seed}   shows how it came to that`,
      );
    }
  }
  return { outcomes, steps, violations };
}

if (parentPort !== null) parentPort.postMessage(await simulateAll(workerData as SeedRange));
