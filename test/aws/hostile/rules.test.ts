/** The rules themselves: each is met by whoever asks often enough, says where AWS says so, and is what a caller sees who is not prepared. */
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from '@aws-sdk/client-apigatewaymanagementapi';
import { DescribeJobsCommand, ListJobsCommand, SubmitJobCommand } from '@aws-sdk/client-batch';
import { CreateEventBusCommand, EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { DeleteObjectsCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { ListExecutionsCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { BatchGetCommand, DynamoDBDocumentClient, PutCommand, QueryCommand, TransactWriteCommand } from '@aws-sdk/lib-dynamodb';
import { expect, test } from 'vitest';
import { defineStateMachine } from '#aws/state-machine.ts';
import { clientOptions, makeS3Client, uniqueName } from '../../support/aws-clients.ts';
import { makeBatchClient, openQueue } from '../../support/batch-world.ts';
import { HostileAws, RULES, type Rule } from '../../support/hostile-aws/hostile-aws.ts';
import { createStateMachine, makeSfnClient } from '../../support/lambda-world.ts';
import { openBucket } from '../../support/s3-world.ts';
import { createTable, makeDynamoClient } from '../../support/table-world.ts';

const MOST_ROUNDS = 40;

/** Uses a service as a caller would, by the client that it is given. @returns one round of use, a few calls */
const USES: Readonly<Record<string, (hostile: HostileAws) => Promise<(round: number) => Promise<unknown>>>> = {
  DynamoDB: async (hostile) => {
    const client = DynamoDBDocumentClient.from(hostile.harden(makeDynamoClient()));
    const TableName = uniqueName('rules');
    await createTable(makeDynamoClient(), TableName);
    const put = { Put: { TableName, Item: { pk: 'a', sk: 'a' } } };
    const items = ['b', 'c', 'd'].map((sk) => ({ pk: 'a', sk }));
    return async (round) =>
      Promise.allSettled([
        client.send(new TransactWriteCommand({ TransactItems: [put, { Put: { TableName, Item: { pk: 'b', sk: 'b' } } }] })),
        client.send(new TransactWriteCommand({ TransactItems: [put] })),
        client.send(new PutCommand({ TableName, Item: { pk: 'a', sk: 'a', round } })),
        client.send(new PutCommand({ TableName, Item: { pk: 'long', sk: 'x'.repeat(1_025) } })),
        client.send(new QueryCommand({ TableName, KeyConditionExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': 'a' } })),
        client.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: items } } })),
      ]);
  },
  S3: async (hostile) => {
    const { bucket: Bucket } = await openBucket();
    const client = hostile.harden(makeS3Client());
    return async (round) => {
      const put = (Key: string) => client.send(new PutObjectCommand({ Bucket, Key, Body: 'x', IfNoneMatch: '*' }));
      await Promise.allSettled([put(`${round}/a`), put(`${round}/b`), put(`${round}/c`)]);
      await client.send(new ListObjectsV2Command({ Bucket }));
      await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: `${round}/a` }, { Key: `${round}/b` }] } }));
    };
  },
  SFN: async (hostile) => {
    const client = hostile.harden(makeSfnClient());
    const stateMachineArn = await createStateMachine(
      defineStateMachine('none'),
      'arn:aws:lambda:us-east-1:0:function:none',
      makeSfnClient(),
    );
    return async (round) => {
      await client.send(new StartExecutionCommand({ stateMachineArn, name: `rules-${round}`, input: '{}' }));
      await client.send(new ListExecutionsCommand({ stateMachineArn }));
    };
  },
  Batch: async (hostile) => {
    const client = hostile.harden(makeBatchClient());
    const { queue: jobQueue, single: jobDefinition } = await openQueue(makeBatchClient(), ['true']);
    return async (round) => {
      const { jobId = '' } = await client.send(new SubmitJobCommand({ jobName: `rules-${round}`, jobQueue, jobDefinition }));
      await client.send(new ListJobsCommand({ jobQueue }));
      await client.send(new DescribeJobsCommand({ jobs: [jobId] }));
    };
  },
  EventBridge: async (hostile) => {
    const client = hostile.harden(new EventBridgeClient(clientOptions()));
    const EventBusName = uniqueName('rules');
    await new EventBridgeClient(clientOptions()).send(new CreateEventBusCommand({ Name: EventBusName }));
    const entry = { EventBusName, Source: 'rules', DetailType: 'rules' };
    return async (round) =>
      client.send(new PutEventsCommand({ Entries: [1, 2].map((part) => ({ ...entry, Detail: JSON.stringify({ round, part }) })) }));
  },
  SQS: async (hostile) => {
    const client = hostile.harden(new SQSClient(clientOptions()));
    const { QueueUrl } = await new SQSClient(clientOptions()).send(new CreateQueueCommand({ QueueName: uniqueName('rules') }));
    return async () => client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }));
  },
  ApiGatewayManagementApi: async (hostile) => {
    const client = hostile.harden(new ApiGatewayManagementApiClient(clientOptions()));
    return async () => Promise.allSettled([client.send(new PostToConnectionCommand({ ConnectionId: uniqueName('c'), Data: 'x' }))]);
  },
};

test.each(RULES.map((rule): [string, Rule] => [rule.does, rule]))('%s', async (_, rule) => {
  const hostile = new HostileAws(7, [rule]);
  const use = await USES[rule.service]?.(hostile);

  for (let round = 0; round < MOST_ROUNDS && !hostile.struck.has(rule.does); round++) await use?.(round);

  expect(hostile.struck.get(rule.does)).toBeGreaterThan(0);
  expect(rule.page).toMatch(/^docs\.aws\.amazon\.com\/[\w./#-]+$/);
});

test('a caller who is not prepared does not get through', async () => {
  const TableName = uniqueName('rules');
  await createTable(makeDynamoClient(), TableName);
  const client = DynamoDBDocumentClient.from(new HostileAws(7).harden(makeDynamoClient()));
  const Put = { TableName, Item: { pk: 'a', sk: 'a' } };

  const results = await Promise.allSettled(
    Array.from({ length: 10 }, () => client.send(new TransactWriteCommand({ TransactItems: [{ Put }] }))),
  );

  expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(5);
});

test('the same seed strikes in the same places', async () => {
  const places = async (): Promise<number[]> => {
    const hostile = new HostileAws(
      3,
      RULES.filter(({ service, operations }) => service === 'SQS' && operations.includes('SendMessage')),
    );
    const use = await USES['SQS']?.(hostile);
    const struck: number[] = [];
    for (let round = 0; round < 20; round++) {
      await use?.(round);
      struck.push([...hostile.struck.values()][0] ?? 0);
    }
    return struck;
  };

  expect(await places()).toEqual(await places());
});
