/** S3 as it is under load. Pages: docs.aws.amazon.com/AmazonS3/latest/ */
import { S3ServiceException } from '@aws-sdk/client-s3';
import type { Rule } from './hostile-aws.ts';
import { internalError, lostReply } from './transient-faults.ts';

const PAGES = 'docs.aws.amazon.com/AmazonS3/latest/';
const service = 'S3';

/** Keys whose removal has failed; it succeeds the next time. */
const keptOnce = new Set<string>();

export const S3_RULES: readonly Rule[] = [
  {
    does: 'a request ends in an internal error',
    page: `${PAGES}API/ErrorResponses.html`,
    service,
    operations: ['GetObject', 'HeadObject', 'PutObject', 'ListObjectsV2', 'DeleteObject', 'DeleteObjects', 'CopyObject'],
    on: 'try',
    impose: async (_, send, dice) => {
      if (dice.strikes(0.03)) throw internalError();
      return send();
    },
  },
  {
    does: 'the reply to a write is lost after it was carried out, and the SDK sends it again',
    page: 'docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html',
    service,
    operations: ['PutObject', 'DeleteObject', 'DeleteObjects', 'CopyObject'],
    on: 'try',
    impose: async (_, send, dice) => {
      const output = await send();
      if (dice.strikes(0.05)) throw lostReply();
      return output;
    },
  },
  {
    does: 'a conditional put meets another one and is to be sent again',
    page: `${PAGES}API/API_PutObject.html`,
    service,
    operations: ['PutObject'],
    on: 'request',
    impose: async ({ input }, send, dice) => {
      if (input['IfNoneMatch'] !== undefined && dice.strikes(0.15)) {
        const message = 'The conditional request cannot succeed due to a conflicting operation against this resource.';
        throw new S3ServiceException({
          name: 'ConditionalRequestConflict',
          message,
          $fault: 'client',
          $metadata: { httpStatusCode: 409, attempts: 1 },
        });
      }
      return send();
    },
  },
  {
    does: 'a page of a listing holds fewer keys than it could',
    page: `${PAGES}API/API_ListObjectsV2.html`,
    service,
    operations: ['ListObjectsV2'],
    on: 'request',
    impose: async ({ input }, send, dice) =>
      dice.strikes(0.5) ? send({ ...input, MaxKeys: Math.min(2, Number(input['MaxKeys'] ?? 2)) }) : send(),
  },
  {
    does: 'of many keys that are removed at once some are not, in an answer that is no error',
    page: `${PAGES}API/API_DeleteObjects.html`,
    service,
    operations: ['DeleteObjects'],
    on: 'request',
    impose: async ({ input }, send, dice) => {
      const { Objects } = input['Delete'] as { readonly Objects: readonly { readonly Key: string }[] };
      const kept = Objects.filter(({ Key }) => !keptOnce.has(`${input['Bucket']}/${Key}`) && dice.strikes(0.2));
      for (const { Key } of kept) keptOnce.add(`${input['Bucket']}/${Key}`);
      const removed = Objects.filter((object) => !kept.includes(object));
      const output = removed.length === 0 ? {} : await send({ ...input, Delete: { Quiet: true, Objects: removed } });
      const Errors = kept.map(({ Key }) => ({ Key, Code: 'InternalError', Message: 'We encountered an internal error.' }));
      return { ...output, Errors };
    },
  },
];
