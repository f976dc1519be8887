import { CreateEventBusCommand, EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { EventBusSink } from '#aws/event-bus-sink.ts';
import { clientOptions, uniqueName } from '../support/aws-clients.ts';
import { anEvent, aRun } from '../support/builders.ts';
import { wrapRequests } from '../support/call-counter.ts';
import { eventually } from '../support/contract-suite.ts';
import { describeBoth } from '../support/hostile-aws/hostile-aws.ts';
import { MemoryRuns } from '../support/memory-runs.ts';

/** A bus with a queue behind a rule, as a subscriber makes them. */
async function openBus(pattern: object, client = new EventBridgeClient(clientOptions())) {
  const sqs = new SQSClient(clientOptions());
  const busName = uniqueName('bus');
  const queueName = uniqueName('queue');
  await client.send(new CreateEventBusCommand({ Name: busName }));
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: queueName }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  await client.send(new PutRuleCommand({ Name: 'rule', EventBusName: busName, EventPattern: JSON.stringify(pattern) }));
  await client.send(
    new PutTargetsCommand({ Rule: 'rule', EventBusName: busName, Targets: [{ Id: 'queue', Arn: Attributes?.['QueueArn'] ?? '' }] }),
  );
  const received: Record<string, unknown>[] = [];
  const receive = async (): Promise<Record<string, unknown>[]> => {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    received.push(...Messages.map(({ Body }) => JSON.parse(Body ?? '{}')));
    return received;
  };
  const runs = new MemoryRuns();
  return { client, runs, receive, sink: new EventBusSink({ client, busName, runs, baseUrl: 'https://plane.example.com' }) };
}

const idOf = (event: Record<string, unknown>): string => (event['detail'] as { metadata: { id: string } }).metadata.id;

describeBoth((harden) => {
  test('a subscriber hears of the ends of runs, with what came of them', async () => {
    const pattern = { source: ['tuneplane'], 'detail-type': ['Training Run Finished'] };
    const { runs, receive, sink } = await openBus(pattern, harden(new EventBridgeClient(clientOptions())));
    const run = aRun({ state: 'stopped', version: 3 });
    const events = [anEvent(run, { sequence: 1, type: 'run-created', state: 'created' }), anEvent(run, { data: { before: 'queued' } })];
    await runs.create(run, events);

    await sink.deliver(events);

    // Told at least once: a subscriber goes by the id.
    const byId = async () => new Map((await receive()).map((event) => [idOf(event), event]));
    await eventually(async () => expect((await byId()).size).toBe(1));
    expect([...(await byId()).values()][0]).toMatchObject({
      source: 'tuneplane',
      'detail-type': 'Training Run Finished',
      resources: [run.id],
      detail: {
        metadata: { id: `${run.id}/3/training-run-finished` },
        data: { runId: run.id, state: 'stopped', projectId: 'proj_default' },
      },
    });
  });
});

test('sends ten at once, and those again that were refused', async () => {
  const { client, runs, sink } = await openBus({ source: ['none'] });
  const run = aRun();
  await runs.create(run, []);
  const sent: string[][] = [];
  wrapRequests(client, 'initialize', async ({ input }) => {
    const entries = input['Entries'] as { Detail: string }[];
    sent.push(entries.map(({ Detail }) => String(JSON.parse(Detail).metadata.sequence)));
    const Entries = entries.map((_, index) => (sent.length === 1 && index === 3 ? { ErrorCode: 'InternalFailure' } : { EventId: 'x' }));
    return { output: { $metadata: {}, Entries } };
  });

  await sink.deliver(Array.from({ length: 12 }, (_, index) => anEvent(run, { sequence: index + 1, type: 'state-changed' })));

  expect(sent).toEqual([['1', '2', '3', '4', '5', '6', '7', '8', '9', '10'], ['4'], ['11', '12']]);
});

test('a bus that keeps refusing fails the hand-over, so that it comes again', async () => {
  const { client, runs, sink } = await openBus({ source: ['none'] });
  const run = aRun();
  await runs.create(run, []);
  wrapRequests(client, 'initialize', async () => ({
    output: { $metadata: {}, Entries: [{ ErrorCode: 'ThrottlingException', ErrorMessage: 'slow' }] },
  }));

  await expect(sink.deliver([anEvent(run, { type: 'state-changed' })])).rejects.toThrow('refused 1 events: ThrottlingException: slow');
});
