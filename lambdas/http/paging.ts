/** One way of paging for every list: `limit` and `after` in, a `Link: rel="next"` header out. */
import * as z from 'zod';
import { CLIENT_NAME } from '#domain/ids.ts';
import type { Headers, RequestContext } from './route.ts';

export const MAX_PAGE = 1_000;

export const pageQuery = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_PAGE)
    .optional()
    .meta({ description: `1 to ${MAX_PAGE}; default ${MAX_PAGE}` }),
  after: z.string().regex(CLIENT_NAME).optional().meta({ description: 'the last id of the page before' }),
});

/** RFC 8288; relative to the host, so that it holds behind any front door. */
export function nextLink({ path, search }: RequestContext, next: string | number | null): Headers {
  if (next === null) return {};
  const query = new URLSearchParams(search);
  query.set('after', String(next));
  return { link: `<${path}?${query.toString()}>; rel="next"` };
}

export const LINK_HEADER = { link: { description: 'rel="next": the next page, where there is one', schema: z.string() } } as const;
