/** Names of jobs, as Kubernetes would have them, and the arguments that a training program is called with. */
import { createHash } from 'node:crypto';

/** A DNS label, RFC 1123. */
const MAX_LABEL = 63;
const HASH_DIGITS = 8;

/** `meta`, `meta_demo_001` -> `meta-meta-demo-001`: lower case, all else one `-`, trimmed; what is too long is cut and ends in a hash. */
export function defaultJobName(framework: string, runId: string): string {
  const whole = `${framework}-${runId}`;
  const label = whole
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
  if (label.length <= MAX_LABEL) return label;
  const hash = createHash('sha256').update(whole).digest('hex').slice(0, HASH_DIGITS);
  return `${label.slice(0, MAX_LABEL - HASH_DIGITS - 1).replace(/-$/, '')}-${hash}`;
}

export type ExtraArgument = string | number | boolean | null;

/** Separate argv entries, never a shell's: `--key value`; true gives `--key`, false and null nothing. */
export function toArgv(args: Readonly<Record<string, ExtraArgument>>): string[] {
  return Object.entries(args).flatMap(([name, value]) => {
    if (value === null || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
}
