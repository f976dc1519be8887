/** The templates of examples/events, deployed into the emulator: they hear of what their comments say, and of nothing else. */
import { readFile } from 'node:fs/promises';
import {
  CreateEventBusCommand,
  DescribeEventBusCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, test } from 'vitest';
import { EventBusSink } from '#aws/event-bus-sink.ts';
import type { RunState } from '#domain/run-lifecycle.ts';
import { clientOptions, REGION, uniqueName } from '../support/aws-clients.ts';
import { anEvent, aRun } from '../support/builders.ts';
import { deployStack } from '../support/cloudformation.ts';
import { eventually } from '../support/contract-suite.ts';
import { MemoryRuns } from '../support/memory-runs.ts';

const readTemplate = (name: string): Promise<string> => readFile(`examples/events/${name}`, 'utf8');

/** Publishes the end of a run, and a change before it, on a bus. @returns the run's id */
async function publishEnd(busName: string, state: RunState): Promise<string> {
  const runs = new MemoryRuns();
  const run = aRun({ state, version: 3 });
  await runs.create(run, []);
  const sink = new EventBusSink({ client: new EventBridgeClient(clientOptions()), busName, runs, baseUrl: 'https://plane.example.com' });
  const running = { ...run, state: 'running' as const };
  await sink.deliver([
    anEvent(running, { sequence: 2, type: 'state-changed', data: { before: 'initializing' } }),
    anEvent(run, { sequence: 3, type: 'state-changed', data: { before: 'running' } }),
  ]);
  return run.id;
}

async function openQueue(QueueUrl: string | undefined) {
  const sqs = new SQSClient(clientOptions());
  const heard: { kind: string; runId: string }[] = [];
  return async () => {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    for (const { Body = '' } of Messages) {
      const event = JSON.parse(Body);
      heard.push({ kind: event['detail-type'], runId: event.detail.data.runId });
    }
    return heard;
  };
}

test('a subscriber in the same account hears of the ends of runs', async () => {
  const busName = uniqueName('bus');
  await new EventBridgeClient(clientOptions()).send(new CreateEventBusCommand({ Name: busName }));
  const outputs = await deployStack(await readTemplate('subscriber.yaml'), { EventBus: busName });
  const heard = await openQueue(outputs['Queue']);

  const runId = await publishEnd(busName, 'completed');

  await eventually(async () => expect(await heard()).toEqual([{ kind: 'Training Run Finished', runId }]));
});

test('a subscriber in another account lets the plane in, and hears of failed runs on its default bus', async () => {
  const bridge = new EventBridgeClient(clientOptions());
  const busName = uniqueName('bus');
  await bridge.send(new CreateEventBusCommand({ Name: busName }));
  const outputs = await deployStack(await readTemplate('other-account.yaml'), { PlaneAccount: '000000000000' });
  // The plane's side of it. The emulator has one account, which is both: who is let in is read from the policy below.
  const place = { Name: 'forward', EventBusName: busName };
  await bridge.send(new PutRuleCommand({ ...place, EventPattern: JSON.stringify({ source: ['tuneplane'] }) }));
  const Arn = `arn:aws:events:${REGION}:000000000000:event-bus/default`;
  const { FailedEntryCount } = await bridge.send(
    new PutTargetsCommand({ Rule: 'forward', EventBusName: busName, Targets: [{ Id: 'them', Arn }] }),
  );
  expect(FailedEntryCount).toBe(0);
  const heard = await openQueue(outputs['Queue']);

  await publishEnd(busName, 'completed');
  const runId = await publishEnd(busName, 'failed');

  await eventually(async () => expect(await heard()).toEqual([{ kind: 'Training Run Finished', runId }]));
  const { Policy = '' } = await bridge.send(new DescribeEventBusCommand({ Name: 'default' }));
  expect(JSON.parse(Policy).Statement).toContainEqual(
    expect.objectContaining({ Sid: 'tuneplane', Principal: { AWS: 'arn:aws:iam::000000000000:root' }, Action: 'events:PutEvents' }),
  );
});
