import * as z from 'zod';
import { showValue } from './schema-words.ts';

/** A time in a query, as milliseconds since 1970. Without an offset it is UTC. */
export const timeQuery = z.iso
  .datetime({ offset: true, local: true, error: ({ input }) => `must be a time like 2026-02-16T12:00:00Z, got ${showValue(input)}` })
  .transform((text) => Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`));
