/** One way of paging for every list: `limit` and `after` in, a `Link: rel="next"` header out. */
import * as z from 'zod';
import { CLIENT_NAME } from '#domain/ids.ts';
import type { Headers, RequestContext } from './route.ts';
import { wholeNumber } from './whole-number.ts';

export const MAX_PAGE = 1_000;

/** @param id what the list's ids look like: an `after` that could be none of them is refused, not taken for the top or the end */
export const pageOf = (id: RegExp) =>
  z.object({
    limit: wholeNumber(z.int().min(1).max(MAX_PAGE).optional()).meta({ description: `1 to ${MAX_PAGE}; default ${MAX_PAGE}` }),
    after: z.string().regex(id).optional().meta({ description: 'the last id of the page before' }),
  });

/** Things that their users named. */
export const pageQuery = pageOf(CLIENT_NAME);

/** RFC 8288; relative to the host, so that it holds behind any front door. */
export function nextLink({ path, search }: RequestContext, next: string | number | null): Headers {
  if (next === null) return {};
  const query = new URLSearchParams(search);
  query.set('after', String(next));
  return { link: `<${path}?${query.toString()}>; rel="next"` };
}

export const LINK_HEADER = { link: { description: 'rel="next": the next page, where there is one', schema: z.string() } } as const;
