/** From what was typed to the body of the request, and back. What is no number goes out as it was typed: the plane says what it must be. Pure. */
import type { Field } from './schema-fields.ts';

/** What stands in the fields, by the dotted path; empty is not given. */
export type Typed = Readonly<Record<string, string>>;

export const keyOf = ({ path }: Pick<Field, 'path'>): string => path.join('.');

export function toBody(fields: readonly Field[], typed: Typed): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of fields) {
    const text = (typed[keyOf(field)] ?? '').trim();
    if (text !== '') place(body, field.path, toValue(field, text));
  }
  return body;
}

function place(body: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    body[name] = value;
    return;
  }
  const inner: Record<string, unknown> = {};
  const present = body[name];
  if (typeof present === 'object' && present !== null) Object.assign(inner, present);
  place(inner, rest, value);
  body[name] = inner;
}

function toValue({ kind, word }: Field, text: string): unknown {
  switch (kind) {
    case 'integer':
    case 'number':
      return Number.isFinite(Number(text)) ? Number(text) : text;
    case 'boolean':
      return text === 'true';
    case 'list':
      return text === word ? text : toLines(text);
    case 'pairs':
      return Object.fromEntries(toLines(text).map((line) => splitPair(line)));
    default:
      return text;
  }
}

const toLines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');

/** `NAME=value`; without a sign the value is empty. */
function splitPair(line: string): [string, string] {
  const sign = line.indexOf('=');
  return sign < 0 ? [line, ''] : [line.slice(0, sign).trim(), line.slice(sign + 1)];
}

/** The values of a body as they would have been typed; what has no field is left out. */
export function toTyped(fields: readonly Field[], body: unknown): Record<string, string> {
  const typed: Record<string, string> = {};
  for (const field of fields) {
    let value: unknown = body;
    for (const name of field.path) value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
    const text = toText(value);
    if (text !== '') typed[keyOf(field)] = text;
  }
  return typed;
}

function toText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(String).join('\n');
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, inner]) => `${name}=${String(inner)}`)
      .join('\n');
  return String(value);
}
