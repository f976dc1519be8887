/** What tells runs apart, as rows of a table: one name, one value for each run. Pure. */
import type { RunDetail } from '../plane/wire.ts';

export interface ComparedRow {
  readonly name: string;
  /** in the order of the runs; undefined where a run has none */
  readonly values: readonly unknown[];
  readonly differs: boolean;
}

/** What decides the weights: what it trains, on what, how. Those that differ first. */
export function compareParameters(runs: readonly RunDetail[]): ComparedRow[] {
  const rows = toRows(
    runs.map(({ base_model, dataset, method, peft_method, parameters }) => ({ base_model, dataset, method, peft_method, ...parameters })),
  );
  return [...rows.filter(({ differs }) => differs), ...rows.filter(({ differs }) => !differs)];
}

/** What came of it: the result where there is one, else the newest values. */
export function compareMetrics(runs: readonly RunDetail[]): ComparedRow[] {
  return toRows(runs.map(({ progress, result }) => ({ ...progress?.metrics, ...result?.metrics })));
}

function toRows(records: readonly Readonly<Record<string, unknown>>[]): ComparedRow[] {
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return names.map((name) => {
    const values = records.map((record) => record[name]);
    return { name, values, differs: new Set(values.map((value) => JSON.stringify(value))).size > 1 };
  });
}

/** The places of the best value of a metric: the least of a loss, the greatest of an accuracy; none where that is not known, or all are alike. */
export function bestPlaces(name: string, values: readonly unknown[]): readonly number[] {
  const isLoss = name.includes('loss');
  if (!isLoss && !name.includes('accuracy')) return [];
  const numbers = values.map((value) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
  const known = numbers.filter((value) => value !== null);
  if (known.length < 2 || known.every((value) => value === known[0])) return [];
  const best = isLoss ? Math.min(...known) : Math.max(...known);
  return numbers.flatMap((value, index) => (value === best ? [index] : []));
}
