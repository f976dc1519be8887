import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createHandler } from '#workers/nudges.ts';
import { readEnvironment } from '../environment.ts';
import { batchEventReader, executionEventReader, readStorageNotification } from '../nudge-readers.ts';
import { openPlane } from '../plane.ts';

export function bindNudges(): (event: SQSEvent) => Promise<SQSBatchResponse> {
  const { ports, generations, jobs } = openPlane(readEnvironment('work', process.env));
  const { runs } = ports;
  return createHandler(ports, { readers: [readStorageNotification, batchEventReader(jobs), executionEventReader({ runs, generations })] });
}
