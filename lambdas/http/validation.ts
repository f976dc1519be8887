/**
 * What is wrong with a request, in our words: every problem at once, each with its path, the value given and what is allowed.
 * A schema's own message wins; all others are made here, from the issue and the JSON Schema of the part that refused the value.
 */
import { distance } from 'fastest-levenshtein';
import * as z from 'zod';
import type { Problem } from '#domain/errors.ts';
import { describeAllowed, describeCount, showValue } from './schema-words.ts';

type Issue = z.core.$ZodIssue;

/** Beyond this a body is nonsense and its list of problems is no help: 50 x ~100 characters are 5 KB of detail. */
const MAX_PROBLEMS = 50;
const MAX_UNKNOWN_KEYS = 10;

/** @returns every problem, in the schema's order; none where the input is valid. Never throws, whatever the input. */
export function findProblems(schema: z.ZodType, input: unknown): Problem[] {
  try {
    const result = schema.safeParse(input, { error: (issue) => describeIssue(issue, input) });
    if (result.success) return [];
    const problems = result.error.issues.flatMap((issue) => toProblems(issue, ''));
    return problems.length > MAX_PROBLEMS
      ? [...problems.slice(0, MAX_PROBLEMS), { path: '', message: `and ${problems.length - MAX_PROBLEMS} more problems` }]
      : problems;
  } catch (error) {
    if (error instanceof RangeError) return [{ path: '', message: 'is nested too deeply' }]; // the stack is full: a recursive schema
    throw error;
  }
}

function toProblems(issue: Issue, prefix: string): Problem[] {
  const path = joinPath(prefix, issue.path);
  if (issue.code === 'unrecognized_keys') return issue.message.split('\n').map((message) => ({ path, message }));
  if (issue.code === 'invalid_key') return [{ path, message: `key ${issue.issues[0]?.message ?? 'is not allowed'}` }];
  if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue.errors);
    if (branch) return branch.flatMap((inner) => toProblems(inner, path));
  }
  return [{ path, message: issue.message }];
}

/** The alternative that fits the value's outer shape and has the fewest problems; none where no alternative fits at all. */
function likeliestBranch(branches: readonly Issue[][]): Issue[] | undefined {
  const fitting = branches.filter((issues) =>
    issues.every((issue) => issue.path.length > 0 || !['invalid_type', 'invalid_value', 'invalid_union'].includes(issue.code)),
  );
  return fitting.sort((a, b) => a.length - b.length)[0];
}

function joinPath(prefix: string, path: readonly PropertyKey[]): string {
  const own = path.map((part) => cut(String(part), 60)).join('.');
  return prefix && own ? `${prefix}.${own}` : prefix || own;
}

/** Called for each issue whose schema has no message of its own. */
function describeIssue(issue: z.core.$ZodRawIssue, root: unknown): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return describeUnknownKeys(issue.keys, issue.inst);
    case 'too_small':
    case 'too_big': {
      const { input } = issue;
      if (typeof input === 'string') return describeCount(issue.schema, input.length);
      if (Array.isArray(input)) return describeCount(issue.schema, input.length);
      if (typeof input === 'object' && input !== null) return describeCount(issue.schema, Object.keys(input).length);
      break;
    }
    case 'invalid_union':
      if (issue.discriminator !== undefined && Array.isArray(issue.options)) {
        const given = valueAt(issue.input, [issue.discriminator]);
        return given === undefined
          ? 'is required'
          : `must be one of ${issue.options.join(', ')}, got ${showValue(given)}${suggestion(given, issue.options)}`;
      }
      break;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}, got ${showValue(issue.input)}`;
    case 'custom':
      return 'is not allowed';
  }
  // A coerced number fails as NaN; what the caller wrote stands in the input.
  const given = Number.isNaN(issue.input) ? valueAt(root, issue.path ?? []) : issue.input;
  if (given === undefined) return 'is required';
  return `must be ${describeAllowed(issue.schema ?? issue.inst, given)}, got ${showValue(given)}${suggestion(given, issue.code === 'invalid_value' ? issue.values : [])}`;
}

function describeUnknownKeys(keys: readonly string[], object: unknown): string {
  const known = object instanceof z.ZodObject ? Object.keys(object.shape) : [];
  const lines = keys.slice(0, MAX_UNKNOWN_KEYS).map((key) => {
    const near = nearest(key, known);
    if (near) return `unknown key ${showValue(key)}, did you mean '${near}'`;
    return known.length <= 12 ? `unknown key ${showValue(key)}, known are ${known.join(', ') || 'none'}` : `unknown key ${showValue(key)}`;
  });
  if (keys.length > MAX_UNKNOWN_KEYS) lines.push(`and ${keys.length - MAX_UNKNOWN_KEYS} more unknown keys`);
  return lines.join('\n');
}

function suggestion(given: unknown, values: readonly unknown[]): string {
  if (typeof given !== 'string' || given === '') return '';
  const near = nearest(
    given,
    values.filter((value) => typeof value === 'string'),
  );
  return near ? `, did you mean '${near}'` : '';
}

/** Two edits, or a third of the word: `learing_rate`, `lerning_rates`, `Alpaca`. */
function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const edits = distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < bestDistance && edits < candidate.length) {
      best = candidate;
      bestDistance = edits;
    }
  }
  return best;
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length).toWellFormed()}…` : text);
