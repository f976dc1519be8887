/**
 * Records of the table's stream: which of them the consumer is woken for, and what they say. Events of any run; and, of a run that somebody
 * follows, every change, since reports of its trainer are no events.
 *
 * Source of the filters: docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
 */
import type { DynamoDBRecord } from 'aws-lambda';
import { EVENT_PREFIX, runIdOf, runKey, runPartition } from './table/table-keys.ts';

/** What the mark on a followed run begins with. */
export const FOLLOWED = 'yes';

/** Patterns of the event source mapping; one that fits is enough. */
export const STREAM_FILTERS = [
  { eventName: ['INSERT'], dynamodb: { Keys: { sk: { S: [{ prefix: EVENT_PREFIX }] } } } },
  { eventName: ['MODIFY'], dynamodb: { Keys: { sk: { S: [runKey('').sk] } }, NewImage: { followed: { S: [{ prefix: FOLLOWED }] } } } },
] as const;

export function readStreamRecord({ dynamodb }: DynamoDBRecord): { runId: string; hasEvents: boolean } | null {
  const pk = dynamodb?.Keys?.['pk']?.S ?? '';
  const sk = dynamodb?.Keys?.['sk']?.S ?? '';
  if (!pk.startsWith(runPartition(''))) return null;
  return { runId: runIdOf(pk), hasEvents: sk.startsWith(EVENT_PREFIX) };
}
