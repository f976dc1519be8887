import * as z from 'zod';
import { ANSWERS, FAILURE_ANSWER } from './answers.ts';

/**
 * Every `--json` answer as one JSON Schema: a property for each command, by the words that call it; `error` is what stands on standard error. What the
 * plane answers too has the name that the OpenAPI document gives it.
 */
export function answerSchemas(): Readonly<Record<string, unknown>> {
  const { properties, $defs } = z.toJSONSchema(z.object({ ...ANSWERS, error: FAILURE_ANSWER }), { io: 'output' });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'What `tuneplane <command> --json` prints',
    type: 'object',
    properties,
    $defs,
  };
}
