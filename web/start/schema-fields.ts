/**
 * A form out of the plane's own OpenAPI document: what may be asked for, with its bounds and what is taken where nothing is said. A new
 * hyperparameter of the plane is a new field here, without a word of the page. Pure.
 */

/** The part of a JSON Schema that a form is made of. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly 'x-default'?: unknown;
  readonly 'x-alias-of'?: string;
}

export interface OpenApi {
  readonly paths: Readonly<
    Record<
      string,
      Readonly<Record<string, { operationId?: string; requestBody?: { content: Readonly<Record<string, { schema: JsonSchema }>> } }>>
    >
  >;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

export type FieldKind = 'text' | 'integer' | 'number' | 'boolean' | 'choice' | 'list' | 'pairs';

export interface Field {
  /** where its value stands in the body: `['config', 'learning_rate']` */
  readonly path: readonly string[];
  /** the last of it */
  readonly name: string;
  readonly kind: FieldKind;
  readonly isRequired: boolean;
  readonly choices: readonly string[];
  /** a list that may also be this one word */
  readonly word: string | null;
  readonly description: string;
  /** what is taken where nothing is given; empty where that follows something else */
  readonly fallback: string;
  /** "1 to 4,096"; empty without bounds */
  readonly bounds: string;
  /** "examples/alpaca.jsonl"; empty without one */
  readonly example: string;
}

/** @throws Error where the document has no such operation */
export function fieldsOf(document: OpenApi, operationId: string): Field[] {
  for (const methods of Object.values(document.paths)) {
    for (const operation of Object.values(methods)) {
      if (operation.operationId !== operationId) continue;
      const schema = operation.requestBody?.content['application/json']?.schema ?? {};
      return flatten(document, schema, [], true);
    }
  }
  throw new Error(`the plane has no operation '${operationId}'`);
}

function flatten(document: OpenApi, given: JsonSchema, path: readonly string[], isRequired: boolean): Field[] {
  const schema = resolve(document, given);
  if (schema.properties !== undefined) {
    return Object.entries(schema.properties)
      .filter(([, property]) => property['x-alias-of'] === undefined)
      .flatMap(([name, property]) =>
        flatten(document, property, [...path, name], isRequired && (schema.required?.includes(name) ?? false)),
      );
  }
  return [toField(schema, path, isRequired)];
}

function resolve(document: OpenApi, schema: JsonSchema): JsonSchema {
  const name = /^#\/components\/schemas\/(.+)$/.exec(schema.$ref ?? '')?.[1];
  if (name === undefined) return schema;
  const { $ref: _, ...beside } = schema;
  return { ...document.components.schemas[name], ...beside };
}

function toField(schema: JsonSchema, path: readonly string[], isRequired: boolean): Field {
  const shape = likeliest(schema);
  const fallback = schema['x-default'];
  return {
    path,
    name: path.at(-1) ?? '',
    kind: kindOf(shape),
    isRequired,
    choices: (shape.enum ?? []).map(String),
    word: wordOf(schema),
    description: schema.description ?? '',
    fallback: fallback === undefined ? '' : Array.isArray(fallback) && fallback.length === 0 ? 'none' : String(fallback),
    bounds: boundsOf(shape),
    example: typeof schema.examples?.[0] === 'string' ? schema.examples[0] : '',
  };
}

/** Of several shapes the one that a form can offer best: choices, then numbers, then lists. */
function likeliest({ anyOf, ...schema }: JsonSchema): JsonSchema {
  const find = (meets: (branch: JsonSchema) => boolean) => anyOf?.find(meets);
  return (
    find((branch) => branch.enum !== undefined) ??
    find(({ type }) => type === 'integer' || type === 'number') ??
    find(({ type }) => type === 'array') ??
    anyOf?.[0] ??
    schema
  );
}

const wordOf = ({ anyOf }: JsonSchema): string | null => {
  const word = anyOf?.find((branch) => branch.const !== undefined)?.const;
  return typeof word === 'string' ? word : null;
};

function kindOf({ type, enum: values, additionalProperties }: JsonSchema): FieldKind {
  if (values !== undefined) return 'choice';
  if (type === 'integer' || type === 'number' || type === 'boolean') return type;
  if (type === 'array') return 'list';
  return type === 'object' && typeof additionalProperties === 'object' ? 'pairs' : 'text';
}

function boundsOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: JsonSchema): string {
  const show = (value: number) => value.toLocaleString('en', { maximumFractionDigits: 6 });
  if (minimum !== undefined && maximum !== undefined) return `${show(minimum)} to ${show(maximum)}`;
  return [
    exclusiveMinimum !== undefined && `above ${show(exclusiveMinimum)}`,
    minimum !== undefined && `at least ${show(minimum)}`,
    exclusiveMaximum !== undefined && `below ${show(exclusiveMaximum)}`,
    maximum !== undefined && `at most ${show(maximum)}`,
  ]
    .filter((part) => part !== false)
    .join(', ');
}
