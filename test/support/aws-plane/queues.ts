/** Queues that other services of AWS write to: whoever makes the queue says which may. */
import { type EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { clientOptions, uniqueName } from '../aws-clients.ts';
import { checkEventDetail } from '../event-schemas.ts';

export interface Queue {
  readonly url: string;
  readonly arn: string;
}

export async function createQueue(purpose: string): Promise<Queue> {
  const client = new SQSClient(clientOptions());
  const QueueName = uniqueName(purpose);
  const arn = `arn:aws:sqs:us-east-1:000000000000:${QueueName}`;
  const Principal = { Service: ['s3.amazonaws.com', 'events.amazonaws.com'] };
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'sqs:SendMessage', Resource: arn }],
  });
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '60', Policy } }));
  return { url: QueueUrl, arn };
}

/** @param bus absent: the default one, which AWS itself writes to */
export async function sendEvents(
  client: EventBridgeClient,
  pattern: Readonly<Record<string, unknown>>,
  { arn }: Queue,
  bus?: string,
): Promise<void> {
  const at = { ...(bus !== undefined && { EventBusName: bus }) };
  const Name = uniqueName('rule');
  await client.send(new PutRuleCommand({ Name, EventPattern: JSON.stringify(pattern), ...at }));
  await client.send(new PutTargetsCommand({ Rule: Name, Targets: [{ Id: 'queue', Arn: arn }], ...at }));
}

const publishedSchema = z.object({
  'detail-type': z.string(),
  detail: z.object({
    metadata: z.object({ id: z.string(), sequence: z.int() }),
    data: z.looseObject({ runId: z.string(), state: z.string() }),
  }),
});
export type Published = z.infer<typeof publishedSchema>;

/** @returns tells what the plane has published so far, by sequence; each is what its schema says. @throws Error where one is not */
export async function subscribe(client: EventBridgeClient, bus: string): Promise<() => Promise<readonly Published[]>> {
  const queue = await createQueue('subscriber');
  await sendEvents(client, { source: ['tuneplane'] }, queue, bus);
  const sqs = new SQSClient(clientOptions());
  const published: Published[] = [];
  return async () => {
    for (;;) {
      const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: queue.url, MaxNumberOfMessages: 10 }));
      if (Messages.length === 0) return published.sort((a, b) => a.detail.metadata.sequence - b.detail.metadata.sequence);
      for (const { Body = '' } of Messages) {
        const event = JSON.parse(Body);
        checkEventDetail(event['detail-type'], event.detail);
        published.push(publishedSchema.parse(event));
      }
    }
  };
}
