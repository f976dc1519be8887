/** Public events against the JSON Schemas that subscribers have. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { PUBLIC_EVENTS } from '#domain/public-events.ts';

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);

const validators = new Map(
  Object.keys(PUBLIC_EVENTS).map((detailType) => {
    const file = `docs/events/${detailType.toLowerCase().replaceAll(' ', '-')}.schema.json`;
    return [detailType, ajv.compile(JSON.parse(readFileSync(file, 'utf8')))] as const;
  }),
);

/** @throws Error where the detail breaks its schema, or where there is none of that type */
export function checkEventDetail(detailType: string, detail: unknown): void {
  const validate = validators.get(detailType);
  if (validate === undefined) throw new Error(`no schema in docs/events describes '${detailType}'`);
  if (!validate(detail)) throw new Error(`${detailType}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(detail)}`);
}
