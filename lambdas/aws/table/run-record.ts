/**
 * A run as an item: what conditions need beside the record itself. Schemas are not compiled here: to compile that of a run takes 25 ms of each
 * cold start, and saves 5 us a record.
 */
import * as z from 'zod';
import { type Run, type RunEvent, type RunProgress, type RunView, runEventSchema, runProgressSchema, runSchema } from '#domain/run.ts';
import type { Item, Write } from './dynamo-table.ts';
import { packJson, unpackJson } from './packed-json.ts';
import { eventSort, outboxPartitionOf, runKey, runPartition } from './table-keys.ts';

const storedEventsSchema = z.array(runEventSchema);

/** A change of many events at once (checkpoints found after an hour of silence) is cut into items; compressed, each stays far below 400 KB. */
const EVENTS_AN_ITEM = 200;

/** Null for what is left of a run that was removed. */
export function toView(item: Item | null): RunView | null {
  if (item === null || item['record'] === undefined) return null;
  return {
    run: unpackJson(runSchema, item['record'], `run ${item['pk']}`),
    progress: item['progress'] === undefined ? null : unpackJson(runProgressSchema, item['progress'], `progress of ${item['pk']}`),
  };
}

export const toEvents = (item: Item): RunEvent[] => unpackJson(storedEventsSchema, item['events'], `events ${item['sk']} of ${item['pk']}`);

/** A run whose events wait for the outbox is found in the sparse index. */
const marks = (runId: string, now: number) => ({ unpublished: outboxPartitionOf(runId), unpublishedSince: new Date(now).toISOString() });

export function newRunItem(run: Run, now: number): Item {
  return { ...runKey(run.id), record: packJson(run, `run ${run.id}`), version: run.version, published: 0, ...marks(run.id, now) };
}

/** The record of the next version, only over that of `expectedVersion`. */
export function changedRun(run: Run, expectedVersion: number, now: number): Write['item'] {
  const { unpublished, unpublishedSince } = marks(run.id, now);
  return {
    Update: {
      Key: runKey(run.id),
      UpdateExpression:
        'SET #record = :record, version = :version, unpublished = :outbox, unpublishedSince = if_not_exists(unpublishedSince, :now)',
      ConditionExpression: 'version = :expected AND attribute_exists(#record)',
      ExpressionAttributeNames: { '#record': 'record' },
      ExpressionAttributeValues: {
        ':record': packJson(run, `run ${run.id}`),
        ':version': run.version,
        ':expected': expectedVersion,
        ':outbox': unpublished,
        ':now': unpublishedSince,
      },
    },
  };
}

/** What remains until its last events are published, and nobody sees. */
export function removedRun(runId: string, expectedVersion: number, now: number): Write['item'] {
  const { unpublished, unpublishedSince } = marks(runId, now);
  return {
    Update: {
      Key: runKey(runId),
      UpdateExpression:
        'SET removed = :true, unpublished = :outbox, unpublishedSince = if_not_exists(unpublishedSince, :now) REMOVE #record, progress',
      ConditionExpression: 'version = :expected AND attribute_exists(#record)',
      ExpressionAttributeNames: { '#record': 'record' },
      ExpressionAttributeValues: { ':true': true, ':expected': expectedVersion, ':outbox': unpublished, ':now': unpublishedSince },
    },
  };
}

export function newEvents(runId: string, events: readonly RunEvent[]): Write[] {
  const writes: Write[] = [];
  for (let start = 0; start < events.length; start += EVENTS_AN_ITEM) {
    const portion = events.slice(start, start + EVENTS_AN_ITEM);
    const Item = {
      pk: runPartition(runId),
      sk: eventSort(portion.at(-1)?.sequence ?? 0),
      events: packJson(portion, `events of run ${runId}`),
    };
    writes.push({ item: { Put: { Item, ConditionExpression: 'attribute_not_exists(pk)' } } });
  }
  return writes;
}

/** One update: this attempt or a later one, and a higher sequence. */
export function newProgress(progress: RunProgress) {
  return {
    UpdateExpression: 'SET progress = :progress, progressAttempt = :attempt, progressSequence = :sequence',
    ConditionExpression:
      'attribute_exists(#record) AND (attribute_not_exists(progressAttempt) OR progressAttempt < :attempt OR ' +
      '(progressAttempt = :attempt AND progressSequence < :sequence))',
    ExpressionAttributeNames: { '#record': 'record' },
    ExpressionAttributeValues: {
      ':progress': packJson(progress, 'a report'),
      ':attempt': progress.attempt,
      ':sequence': progress.sequence,
    },
  };
}
