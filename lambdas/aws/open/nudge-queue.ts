import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { toNudge } from '#domain/nudge.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

/** Rings a run: somebody will look at it in a moment. */
export function openNudgeQueue(QueueUrl: string): { send(runId: string): Promise<void> } {
  const client = new SQSClient(CLIENT_OPTIONS);
  return {
    send: async (runId) => {
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody: toNudge(runId) }));
    },
  };
}
