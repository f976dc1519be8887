/** Charts stand together by what they measure: by the prefix of the name (`eval/loss`), or, where an engine uses none, by the name itself. */
const SYSTEM = /^(?:gpu_|memory_|cpu_|disk_|tokens$|tokens_per_second$|window_steps$|samples_per_second$)/;
const ORDER = ['train', 'eval', 'system'];

export function groupOf(name: string): string {
  const prefix = /^([^/]+)\//.exec(name)?.[1];
  if (prefix !== undefined) return prefix;
  if (name.startsWith('eval_')) return 'eval';
  return SYSTEM.test(name) ? 'system' : 'train';
}

const LEADING = ['loss', 'eval_loss'];
const rank = (list: readonly string[], value: string): number => (list.includes(value) ? list.indexOf(value) : list.length);

/** Train, eval, system, then others by name; within a group the loss first. */
export function groupMetrics(names: readonly string[]): [group: string, names: string[]][] {
  const groups = Map.groupBy(names, groupOf);
  return [...groups]
    .sort(([a], [b]) => rank(ORDER, a) - rank(ORDER, b) || a.localeCompare(b))
    .map(([group, members]) => [group, members.toSorted((a, b) => rank(LEADING, a) - rank(LEADING, b) || a.localeCompare(b))]);
}

const UNITS: Readonly<Record<string, string>> = {
  tokens_per_second: 'tokens/s',
  tokens: 'tokens',
  memory_mb: 'MB',
  gpu_utilization: 'share, 0 to 1',
  token_accuracy: 'share, 0 to 1',
  eval_token_accuracy: 'share, 0 to 1',
  window_steps: 'steps',
  loss: 'nats/token',
  eval_loss: 'nats/token',
};

/** Empty where a metric has none, or we do not know it. */
export const unitOf = (name: string): string => UNITS[name.replace(/^[^/]+\//, '')] ?? '';
