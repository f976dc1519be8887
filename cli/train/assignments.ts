/** `name=value` of the command line, as parts of a configuration: `lora_r=8`, `compute.node_count=2`, `target_modules=[q_proj,v_proj]`. */
import { usageFailure } from '../exit-code.ts';

const NAME = /^(?!(?:.*\.)?__proto__(?:\.|$))[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$/;

/** @throws CommandFailure for what is no assignment, or a part of something that holds no parts */
export function readAssignments(assignments: readonly string[]): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const assignment of assignments) {
    const { name, text } = splitAssignment(assignment);
    const path = name.split('.');
    let at = record;
    for (const part of path.slice(0, -1)) {
      at[part] ??= {};
      const next = at[part];
      if (!isRecord(next)) throw usageFailure(`'${assignment}' sets a part of ${part}, which was given a value of its own`);
      at = next;
    }
    at[path.at(-1) ?? name] = readValue(text);
  }
  return record;
}

/** @throws CommandFailure */
export function splitAssignment(assignment: string): { name: string; text: string } {
  const at = assignment.indexOf('=');
  const name = at < 0 ? '' : assignment.slice(0, at).trim();
  if (!NAME.test(name)) throw usageFailure(`must be name=value, got '${assignment}'`);
  return { name, text: assignment.slice(at + 1) };
}

/** A number, true, false, null, a list or an object where it reads as one; else the text itself. What a field takes is the plane's to say. */
export function readValue(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === 'true' || trimmed === 'false') return trimmed === 'true';
  if (trimmed === 'null') return null;
  if (/^[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return Number(trimmed.replaceAll('_', ''));
  if (/^[[{"]/.test(trimmed)) {
    try {
      return JSON.parse(trimmed);
    } catch {
      const list = /^\[([^[\]{}"]*)\]$/.exec(trimmed)?.[1]; // as in YAML: [q_proj, v_proj]
      if (list !== undefined) return list.split(',').map((item) => readValue(item));
    }
  }
  return text;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Objects are merged part by part, all else is replaced. */
export function layOver(under: Readonly<Record<string, unknown>>, over: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const below = merged[name];
    merged[name] = isRecord(below) && isRecord(value) ? layOver(below, value) : value;
  }
  return merged;
}
