/**
 * The one table: its keys and nothing else. Everything is read by its key or as one stretch of one partition; nothing is ever scanned.
 *
 *   pk                        sk                            what
 *   RUN#<run>                 RUN                           the run: record, version, newest progress, how far it is published, generation
 *   RUN#<run>                 EVENT#<sequence>              the events of one change, under the sequence of the last of them
 *   RUN#<run>                 LOG#<time>#<attempt>#<chunk>  where 1,000 lines of the log begin
 *   NAME#<name>               NAME                          the run that holds a name
 *   ANSWER#<scope>            ANSWER                        an answer kept for its Idempotency-Key; goes by time to live
 *   DOCUMENT#<collection>     <id>                          a small document; one with `expiresAt` goes by time to live
 *   LIST#<group>              <run>                         an entry for each list that the run is in
 *   COUNT#<places>            <standing>#<shard>            how many runs a group has, in 32 parts
 *   JOBS#<shard>              <job>                         an AWS Batch job that may still live, as it was last seen
 *   CONNECTIONS#<run>         <connection>                  a WebSocket that follows a run, and how far it has been told
 *   CONNECTION#<connection>   CONNECTION                    the run that it follows
 *   FOLLOWED                  <run>                         a run that somebody follows
 *
 *   index `unpublished` (keys only, sparse): OUTBOX#<shard> | <since>   runs with events that were not published yet
 *
 * Lists. A filter names any of standing, provider, project and API. For each of the 8 choices of the last three there are entries without
 * a standing and entries with it: 16 entries a run, written in the run's own transactions, so a list is exact and read consistently.
 *
 *   no standing   1 Query of LIST#*|<places>
 *   n standings   n Queries (at most 11) of LIST#<standing>|<places>, merged by id; each reads no more than the page
 *   a page        the runs of these ids: 1 BatchGetItem for each 100
 *   a total       1 Query of COUNT#<places>: 11 standings x 32 shards x 60 bytes, at most 21 KB
 *
 * Writes. A run's first transaction is 16 entries + 8 counters + run + event + answer + names: at most 30 of the 100 items. A change of
 * standing moves 8 entries and 16 counters. A counter is in 32 parts, chosen by the run's id, so that two runs that move in the same
 * moment meet on one part in 3% of cases; then DynamoDB cancels one of them, which is tried again.
 *
 * Sizes. An item holds 400 KB. JSON above 32 KB is stored compressed (`packed-json.ts`): a record of 3 MB fits, which is 10,000 attempts.
 */
import { createHash } from 'node:crypto';

export interface TableKey {
  readonly pk: string;
  readonly sk: string;
}

export const UNPUBLISHED_INDEX = 'unpublished';
export const OUTBOX_SHARDS = 8;
export const JOB_SHARDS = 8;
export const COUNTER_SHARDS = 32;

const padded = (n: number, digits: number): string => String(n).padStart(digits, '0');

/** A number below `shards` that an id always has. */
export const shardOf = (id: string, shards: number): number => createHash('sha256').update(id).digest().readUInt32BE(0) % shards;

/** A key holds at most 2,048 bytes; names and filters come from users. */
const MAX_PLAIN_LENGTH = 512;
const plain = (text: string): string =>
  text.length <= MAX_PLAIN_LENGTH ? text : `${text.slice(0, 64)}~${createHash('sha256').update(text).digest('hex')}`;

export const runPartition = (runId: string): string => `RUN#${runId}`;
export const runKey = (runId: string): TableKey => ({ pk: runPartition(runId), sk: 'RUN' });
export const runIdOf = (pk: string): string => pk.slice('RUN#'.length);

export const EVENT_PREFIX = 'EVENT#';
/** Ten digits: sequences sort as text. */
export const eventSort = (sequence: number): string => EVENT_PREFIX + padded(sequence, 10);
/** Sorts after every event, and before everything else of a run. */
export const AFTER_EVENTS = 'EVENT#~';

export const LOG_PREFIX = 'LOG#';
export const logSort = (firstAt: string, attempt: number, chunk: number): string =>
  `${LOG_PREFIX}${firstAt}#${padded(attempt, 6)}#${padded(chunk, 8)}`;

export const nameKey = (name: string): TableKey => ({ pk: `NAME#${plain(name)}`, sk: 'NAME' });
export const answerKey = (scope: string): TableKey => ({ pk: `ANSWER#${plain(scope)}`, sk: 'ANSWER' });
export const documentPartition = (collection: string): string => `DOCUMENT#${plain(collection)}`;
export const documentKey = (collection: string, id: string): TableKey => ({ pk: documentPartition(collection), sk: id });

export const outboxPartition = (shard: number): string => `OUTBOX#${shard}`;
export const outboxPartitionOf = (runId: string): string => outboxPartition(shardOf(runId, OUTBOX_SHARDS));

/** Provider, project and API of a run, or those that a filter names; null where it names none. */
export interface Places {
  readonly provider: string | null;
  readonly projectId: string | null;
  readonly api: string | null;
}

const placesText = ({ provider, projectId, api }: Places): string =>
  [provider, projectId, api].map((part) => (part === null ? '*' : encodeURIComponent(plain(part)))).join('|');

/** @param standing null: all */
export const listPartition = (standing: string | null, places: Places): string => `LIST#${standing ?? '*'}|${placesText(places)}`;
export const countPartition = (places: Places): string => `COUNT#${placesText(places)}`;
export const countSort = (standing: string, runId: string): string => `${standing}#${padded(shardOf(runId, COUNTER_SHARDS), 2)}`;
export const standingOfCount = (sk: string): string => sk.slice(0, sk.lastIndexOf('#'));

export const jobsPartition = (shard: number): string => `JOBS#${shard}`;
export const jobKey = (jobId: string): TableKey => ({ pk: jobsPartition(shardOf(jobId, JOB_SHARDS)), sk: jobId });

export const connectionsPartition = (runId: string): string => `CONNECTIONS#${runId}`;
export const connectionKey = (connectionId: string): TableKey => ({ pk: `CONNECTION#${connectionId}`, sk: 'CONNECTION' });
export const FOLLOWED_PARTITION = 'FOLLOWED';
