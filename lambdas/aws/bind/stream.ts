import type { DynamoDBBatchResponse, DynamoDBStreamEvent } from 'aws-lambda';
import { createHandler } from '#workers/stream.ts';
import { readEnvironment } from '../environment.ts';
import { openTable } from '../open/table.ts';
import { readStreamRecord } from '../stream-records.ts';
import { DynamoRunStore } from '../table/dynamo-run-store.ts';
import { openSink } from './event-bus.ts';
import { openFollowers } from './sockets.ts';

export function bindStream(): (event: DynamoDBStreamEvent) => Promise<DynamoDBBatchResponse> {
  const environment = readEnvironment('stream', process.env);
  const table = openTable(environment.TUNEPLANE_TABLE);
  const runs = new DynamoRunStore(table, { clock: { now: Date.now } });
  const followers = openFollowers(environment, table, { runs });
  return createHandler(
    { runs, sink: openSink(environment, runs) },
    { read: readStreamRecord, tellFollowers: (runId) => followers.tell(runId) },
  );
}
