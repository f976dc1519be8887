/**
 * Queues of what could not be delivered or worked off, and how each is brought back:
 *
 *   nudges        into the queue of nudges, whatever brought them: all of them are hints of the same kind
 *   subscribers   each event to the bus that did not take it, which EventBridge notes beside it, and to no other
 *   stream        they say where in the stream a batch stood; what was not published is found by a sweep, which is started, and they are dropped
 *   sweeper       a sweep that failed was followed by others; a sweep is started, and they are dropped
 *
 * A message is removed only after it was delivered, so one that is cut off here comes again.
 */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { type Outputs, outputOf } from './deployed-stage.ts';

const QUEUES = {
  nudges: 'NudgeDeadLetters',
  stream: 'StreamDeadLetters',
  sweeper: 'SweeperDeadLetters',
  subscribers: 'SubscriberDeadLetters',
} as const;
type QueueName = keyof typeof QUEUES;

export interface DeadLetterQueue {
  readonly name: QueueName;
  readonly url: string;
  /** about: SQS counts when it has time */
  readonly messages: number;
}

export async function deadLetterQueues(outputs: Outputs): Promise<DeadLetterQueue[]> {
  const client = new SQSClient({});
  const present = (Object.keys(QUEUES) as QueueName[]).flatMap((name) => {
    const url = outputs[QUEUES[name]];
    return url === undefined ? [] : [{ name, url }];
  });
  return Promise.all(
    present.map(async ({ name, url }) => {
      const attributes = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['ApproximateNumberOfMessages'] });
      return { name, url, messages: Number((await client.send(attributes)).Attributes?.['ApproximateNumberOfMessages'] ?? 0) };
    }),
  );
}

/** Brings back what lies in a queue, until it is empty. @returns how many. @throws where one cannot be delivered; it stays where it is */
export async function redriveQueue({ name, url }: DeadLetterQueue, outputs: Outputs): Promise<number> {
  const client = new SQSClient({});
  let deliver: Delivery | null = null;
  let count = 0;
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'], VisibilityTimeout: 60 }),
    );
    if (Messages.length === 0) return count;
    const left = [...Messages];
    try {
      deliver ??= await openDelivery(name, outputs, client);
      for (let message = left[0]; message; message = left[0]) {
        await deliver(message);
        await client.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle }));
        left.shift();
        count++;
      }
    } catch (error) {
      await showAgain(client, url, left);
      throw error;
    }
  }
}

/** What was taken and not delivered is there at once for whoever looks next. */
async function showAgain(client: SQSClient, QueueUrl: string, messages: readonly Message[]): Promise<void> {
  for (const { ReceiptHandle } of messages)
    await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
}

type Delivery = (message: Message) => Promise<void>;

async function openDelivery(name: QueueName, outputs: Outputs, client: SQSClient): Promise<Delivery> {
  switch (name) {
    case 'nudges': {
      const QueueUrl = outputOf(outputs, 'NudgeQueue');
      return async ({ Body }) => void (await client.send(new SendMessageCommand({ QueueUrl, MessageBody: Body ?? '' })));
    }
    case 'subscribers': {
      const events = new EventBridgeClient({});
      return (message) => putAgain(events, message);
    }
    case 'stream':
    case 'sweeper':
      await sweep(outputOf(outputs, 'SweeperFunction'));
      return async () => {};
  }
}

const eventSchema = z.object({
  source: z.string(),
  'detail-type': z.string(),
  time: z.string(),
  resources: z.array(z.string()),
  detail: z.unknown(),
});

/** docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html: TARGET_ARN among the attributes of the message */
async function putAgain(client: EventBridgeClient, { Body = '', MessageAttributes }: Message): Promise<void> {
  const EventBusName = MessageAttributes?.['TARGET_ARN']?.StringValue;
  if (EventBusName === undefined) throw new Error('a dead letter of a subscriber does not say whose it is');
  const event = eventSchema.parse(JSON.parse(Body));
  const entry = {
    EventBusName,
    Source: event.source,
    DetailType: event['detail-type'],
    Time: new Date(event.time),
    Resources: event.resources,
    Detail: JSON.stringify(event.detail),
  };
  const { Entries = [] } = await client.send(new PutEventsCommand({ Entries: [entry] }));
  if (Entries[0]?.ErrorCode) throw new Error(`${EventBusName} does not take events: ${Entries[0].ErrorCode} ${Entries[0].ErrorMessage}`);
}

/** @throws Error where the sweep fails: what lies in the queue is then not made good yet */
async function sweep(FunctionName: string): Promise<void> {
  const { FunctionError, Payload } = await new LambdaClient({}).send(new InvokeCommand({ FunctionName, Payload: '{}' }));
  if (FunctionError)
    throw new Error(
      `the sweep failed: ${Buffer.from(Payload ?? [])
        .toString('utf8')
        .slice(0, 500)}`,
    );
}
