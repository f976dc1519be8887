/**
 * The providers' own OpenAPI documents as judges of what connectors send and fake servers answer. They are not part of this repository:
 * TUNEPLANE_PROVIDER_SPECS names the folder that holds them, else `provider-specs` beside the repository is looked at.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import type { Exchange } from './fake-provider.ts';
import { asRecord } from './fake-runpod.ts';

const FOLDER = process.env['TUNEPLANE_PROVIDER_SPECS'] ?? join(import.meta.dirname, '..', '..', '..', 'provider-specs');
const METHODS = new Set(['get', 'put', 'post', 'delete', 'patch']);

/** A place in a document where the live server is known to be another, as a JSON pointer, and what stands there in truth. */
export type Deviations = Readonly<Record<string, unknown>>;

export interface Verdict {
  readonly exchange: string;
  readonly faults: readonly string[];
}

export class OfficialDocument {
  readonly #document: Record<string, unknown>;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  readonly #operations: { readonly method: string; readonly template: string; readonly pattern: RegExp }[];

  private constructor(document: Record<string, unknown>, prefix: string) {
    this.#document = document;
    this.#ajv.addSchema(document, 'document');
    this.#operations = Object.entries(asRecord(document['paths'])).flatMap(([template, methods]) =>
      Object.keys(asRecord(methods))
        .filter((method) => METHODS.has(method))
        .map((method) => ({ method, template, pattern: toPattern(template, prefix) })),
    );
  }

  /** @returns null where the document is not at hand */
  static open(file: string, deviations: Deviations = {}, prefix = ''): OfficialDocument | null {
    const path = join(FOLDER, file);
    if (!existsSync(path)) return null;
    const document = asRecord(parse(readFileSync(path, 'utf8'))); // JSON is YAML too
    for (const [pointer, value] of Object.entries(deviations)) put(document, pointer, value);
    return new OfficialDocument(document, prefix);
  }

  /** Request body and answer against their schemas. An answer that the document does not list is a fault, but for 429 and 5xx. */
  judge({ method, path, requestBody, status, responseBody }: Exchange): Verdict {
    const bare = path.split('?')[0] ?? '';
    const operation = this.#operations.find((one) => one.method === method.toLowerCase() && one.pattern.test(bare));
    const exchange = `${method} ${bare} ${status}`;
    if (!operation) return { exchange, faults: ['the document has no such operation'] };
    const at = `/paths/${escapePart(operation.template)}/${operation.method}`;
    const faults: string[] = [];
    if (requestBody !== undefined)
      faults.push(...this.#check(`${at}/requestBody/content/application~1json/schema`, requestBody, 'request'));
    const responses = asRecord(this.#at(`${at}/responses`));
    const key = String(status) in responses ? String(status) : 'default' in responses ? 'default' : null;
    if (key === null && status !== 429 && status < 500) faults.push(`the document lists no answer ${status}`);
    if (key !== null && responseBody !== undefined) {
      const response = this.#follow(`${at}/responses/${key}`);
      const type = Object.keys(asRecord(asRecord(this.#at(response))['content'])).find((name) => name.includes('json'));
      if (type !== undefined) faults.push(...this.#check(`${response}/content/${escapePart(type)}/schema`, responseBody, 'answer'));
    }
    return { exchange, faults };
  }

  #check(pointer: string, value: unknown, what: string): string[] {
    if (this.#at(pointer) === undefined) return [];
    const isValid = this.#ajv.validate({ $ref: `document#${encodeURI(pointer)}` }, value);
    return isValid
      ? []
      : (this.#ajv.errors ?? []).map(({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`);
  }

  /** Through a `$ref` of the place itself. */
  #follow(pointer: string): string {
    const ref = asRecord(this.#at(pointer))['$ref'];
    return typeof ref === 'string' ? ref.slice(1) : pointer;
  }

  #at(pointer: string): unknown {
    return partsOf(pointer).reduce<unknown>((place, part) => asRecord(place)[part], this.#document);
  }
}

function put(document: Record<string, unknown>, pointer: string, value: unknown): void {
  const parts = partsOf(pointer);
  const last = parts.pop() ?? '';
  let place: unknown = document;
  for (const part of parts) place = typeof place === 'object' && place !== null ? Reflect.get(place, part) : undefined;
  if (typeof place !== 'object' || place === null) throw new Error(`the document has no place ${pointer}`);
  Reflect.set(place, last, value);
}

const escapePart = (part: string): string => part.replaceAll('~', '~0').replaceAll('/', '~1');
const partsOf = (pointer: string): string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** A trailing slash counts for nothing: one of the documents lost them. */
const toPattern = (template: string, prefix: string): RegExp =>
  new RegExp(`^${prefix}${template.replaceAll(/\{[^}]+\}/g, '[^/]+').replace(/\/$/, '')}/?$`);
