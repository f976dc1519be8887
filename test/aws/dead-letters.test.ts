/** What `npm run redrive` does with each kind of dead letter. */
import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, test } from 'vitest';
import { deadLetterQueues, redriveQueue } from '../../bin/aws/dead-letters.ts';
import { clientOptions, REGION, uniqueName } from '../support/aws-clients.ts';
import { eventually } from '../support/contract-suite.ts';
import { createFunction, createRole } from '../support/lambda-world.ts';

let sqs: SQSClient;
beforeAll(() => {
  // Commands find their account as the AWS command line does.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: clientOptions().endpoint,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
  sqs = new SQSClient(clientOptions());
});

async function makeQueue(): Promise<string> {
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: uniqueName('queue') }));
  return QueueUrl.replace('localhost', '127.0.0.1'); // the client warns of another host than its own
}

const letter = (QueueUrl: string, MessageBody: string, attributes: Readonly<Record<string, string>> = {}) =>
  sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody,
      MessageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    }),
  );

async function messagesIn(QueueUrl: string): Promise<(string | undefined)[]> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }));
  return Messages.map(({ Body }) => Body);
}

/** Also those that a command has taken and not removed. */
async function countOf(QueueUrl: string): Promise<number> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] }));
  return names.reduce((sum, name) => sum + Number(Attributes?.[name] ?? 0), 0);
}

test('only queues that the stage has are looked at, each with what lies in it', async () => {
  const [NudgeDeadLetters, StreamDeadLetters] = [await makeQueue(), await makeQueue()];
  await letter(NudgeDeadLetters, '{}');

  expect(await deadLetterQueues({ NudgeDeadLetters, StreamDeadLetters, Url: 'https://plane.example.com' })).toEqual([
    { name: 'nudges', url: NudgeDeadLetters, messages: 1 },
    { name: 'stream', url: StreamDeadLetters, messages: 0 },
  ]);
});

test('a nudge goes back to the queue of nudges, as it was', async () => {
  const [url, NudgeQueue] = [await makeQueue(), await makeQueue()];
  await letter(url, '{"nudge":"run_1"}');
  await letter(url, '{"Records":[]}');

  expect(await redriveQueue({ name: 'nudges', url, messages: 2 }, { NudgeQueue })).toBe(2);

  expect((await messagesIn(NudgeQueue)).sort()).toEqual(['{"Records":[]}', '{"nudge":"run_1"}']);
  expect(await countOf(url)).toBe(0);
});

test('an event goes to the bus that did not take it, as it was; a bus that does not take it yet leaves it where it is', async () => {
  const bridge = new EventBridgeClient(clientOptions());
  const Name = uniqueName('bus');
  const { EventBusArn = '' } = await bridge.send(new CreateEventBusCommand({ Name }));
  const heard = await makeQueue();
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: heard, AttributeNames: ['QueueArn'] }));
  await bridge.send(new PutRuleCommand({ Name, EventBusName: Name, EventPattern: JSON.stringify({ source: ['tuneplane'] }) }));
  await bridge.send(new PutTargetsCommand({ Rule: Name, EventBusName: Name, Targets: [{ Id: 'queue', Arn: Attributes?.['QueueArn'] }] }));
  const event = {
    id: 'of EventBridge',
    source: 'tuneplane',
    'detail-type': 'Training Run Finished',
    time: '2026-11-25T10:00:00Z',
    resources: ['run_1'],
    detail: { metadata: { id: 'evt_1', sequence: 7 }, data: { state: 'completed' } },
  };
  const url = await makeQueue();
  await letter(url, JSON.stringify(event), { TARGET_ARN: EventBusArn });

  expect(await redriveQueue({ name: 'subscribers', url, messages: 1 }, {})).toBe(1);

  await eventually(async () => {
    const [body] = await messagesIn(heard);
    const { source, 'detail-type': type, resources, detail } = JSON.parse(body ?? '{}');
    expect({ source, type, resources, detail }).toEqual({
      source: 'tuneplane',
      type: event['detail-type'],
      resources: event.resources,
      detail: event.detail,
    });
  });
  await letter(url, JSON.stringify(event));
  await expect(redriveQueue({ name: 'subscribers', url, messages: 1 }, {})).rejects.toThrow(/does not say whose it is/);
  expect(await countOf(url)).toBe(1);
  await bridge.send(new DeleteEventBusCommand({ Name }));
});

describe.each(['stream', 'sweeper'] as const)('of the %s', (name) => {
  async function makeSweeper(code: string): Promise<string> {
    const role = await createRole({ Service: 'lambda.amazonaws.com' }, []);
    return createFunction({ files: { 'index.mjs': `export const handler = async () => ${code}` }, handler: 'index.handler' }, role);
  }

  test('letters are dropped when a sweep has made good what they tell of', async () => {
    const url = await makeQueue();
    for (const body of ['{"first":1}', '{"second":2}']) await letter(url, body);
    const SweeperFunction = await makeSweeper('({ published: 2 })');

    expect(await redriveQueue({ name, url, messages: 2 }, { SweeperFunction })).toBe(2);
    expect(await countOf(url)).toBe(0);
  });

  test('a sweep that fails drops nothing, and what lies there is seen at once', async () => {
    const url = await makeQueue();
    await letter(url, '{"first":1}');
    const SweeperFunction = await makeSweeper("{ throw new Error('the table is away'); }");

    await expect(redriveQueue({ name, url, messages: 1 }, { SweeperFunction })).rejects.toThrow(/the sweep failed: .*the table is away/);
    expect(await messagesIn(url)).toEqual(['{"first":1}']);
  });
});

test('without a letter nothing is started', async () => {
  expect(await redriveQueue({ name: 'stream', url: await makeQueue(), messages: 0 }, {})).toBe(0);
});
