/** Schemas and values as a sentence says them: "1 to 100", "one of a, b", "'gpt2'". */
import * as z from 'zod';

/** The part of a JSON Schema that a sentence is made of. */
const jsonSchemaSchema = z.object({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  get anyOf() {
    return z.array(jsonSchemaSchema).optional();
  },
  get oneOf() {
    return z.array(jsonSchemaSchema).optional();
  },
  $ref: z.string().optional(),
  format: z.string().optional(),
  pattern: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  exclusiveMaximum: z.number().optional(),
  minLength: z.number().optional(),
  maxLength: z.number().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  minProperties: z.number().optional(),
  maxProperties: z.number().optional(),
});
type JsonSchema = z.infer<typeof jsonSchemaSchema>;

/** Schemas live as long as the process; a body with ten thousand bad rows asks for the same one ten thousand times. */
const known = new WeakMap<object, JsonSchema>();

function toJsonSchema(schema: z.core.$ZodType): JsonSchema {
  const ready = known.get(schema);
  if (ready) return ready;
  const made = jsonSchemaSchema.parse(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }));
  known.set(schema, made);
  return made;
}

/** What follows "must be": `1 to 100`, `one of alpaca, text`, `'all-linear' or a list`. @param given a number outside its bounds need not be told that a number is wanted */
export function describeAllowed(schema: unknown, given?: unknown): string {
  if (!(schema instanceof z.ZodType)) return 'another value';
  const json = toJsonSchema(schema);
  const bounds = describeBounds(json);
  const isOfType = (json.type === 'number' && typeof given === 'number') || (json.type === 'integer' && Number.isInteger(given));
  return isOfType && bounds ? bounds : describe(json);
}

function describe(json: JsonSchema): string {
  const branches = json.anyOf ?? json.oneOf;
  if (branches) return [...new Set(branches.map(describe))].join(' or ');
  if (json.enum) return `one of ${listWords(json.enum)}`;
  if (json.const !== undefined) return showValue(json.const);
  if (Array.isArray(json.type)) return json.type.map((type) => describe({ ...json, type })).join(' or ');
  if (json.$ref) return 'an object'; // what has a name of its own in the document is one
  switch (json.type) {
    case 'integer':
      return describeRange(json, 'a whole number');
    case 'number':
      return describeRange(json, 'a number');
    case 'string':
      return describeText(json);
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return 'an object';
    case 'null':
      return 'null';
    default:
      return 'another value';
  }
}

function describeRange(json: JsonSchema, noun: string): string {
  const bounds = describeBounds(json);
  const link = bounds.startsWith('at ') ? ' of' : /^[\d-]/.test(bounds) ? ' from' : '';
  return bounds ? `${noun}${link} ${bounds}` : noun;
}

/** `1 to 100`, `above 0 and at most 1`. A whole number's own bounds (2^53) are none to a reader. */
function describeBounds(json: JsonSchema): string {
  const least = json.minimum !== undefined && json.minimum > Number.MIN_SAFE_INTEGER ? json.minimum : undefined;
  const most = json.maximum !== undefined && json.maximum < Number.MAX_SAFE_INTEGER ? json.maximum : undefined;
  if (least !== undefined && most !== undefined) return `${least} to ${most}`;
  return [
    json.exclusiveMinimum !== undefined && `above ${json.exclusiveMinimum}`,
    least !== undefined && `at least ${least}`,
    json.exclusiveMaximum !== undefined && `below ${json.exclusiveMaximum}`,
    most !== undefined && `at most ${most}`,
  ]
    .filter((bound) => bound !== false)
    .join(' and ');
}

function describeText(json: JsonSchema): string {
  switch (json.format) {
    case 'date-time':
      return 'a time like 2026-02-16T12:00:00Z';
    case 'date':
      return 'a date like 2026-02-16';
    case 'uri':
      return 'a URL';
  }
  if (json.format) return `text in the form of ${json.format}`;
  if (json.pattern) return `text that matches ${json.pattern.length > 120 ? `${json.pattern.slice(0, 120)}…` : json.pattern}`;
  return 'text';
}

/** For lengths: "must have 1 to 20 items, got 21". */
export function describeCount(schema: unknown, count: number): string {
  const json = schema instanceof z.ZodType ? toJsonSchema(schema) : {};
  const [least, most, noun] =
    json.type === 'array'
      ? [json.minItems, json.maxItems, 'items']
      : json.type === 'object'
        ? [json.minProperties, json.maxProperties, 'keys']
        : [json.minLength, json.maxLength, 'characters'];
  if (count === 0 && least === 1) return 'must not be empty';
  if (least !== undefined && most !== undefined) return `must have ${least} to ${most} ${noun}, got ${count}`;
  return most === undefined ? `must have at least ${least} ${noun}, got ${count}` : `must have at most ${most} ${noun}, got ${count}`;
}

const listWords = (values: readonly unknown[]): string => values.slice(0, 20).map(String).join(', ') + (values.length > 20 ? ' …' : '');

/** A value as the caller wrote it, cut at 60 characters; control characters and halves of characters are escaped. */
export function showValue(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const escaped = JSON.stringify(value.slice(0, 60)).slice(1, -1).replaceAll('\\"', '"');
      return value.length > 60 ? `'${escaped}…'` : `'${escaped}'`;
    }
    case 'number':
    case 'boolean':
      return String(value);
    case 'undefined':
      return 'nothing';
    default:
      if (value === null) return 'null';
      return Array.isArray(value) ? `a list of ${value.length}` : 'an object';
  }
}
