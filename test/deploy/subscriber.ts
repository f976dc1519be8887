/** A subscriber as anybody would be one: a rule on the bus, and a queue behind it. */
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { EVENT_SOURCE } from '#domain/public-events.ts';
import type { DeployedPlane } from './deployed-plane.ts';

const NAME = 'subscriber';
const eventSchema = z.looseObject({
  'detail-type': z.string(),
  detail: z.looseObject({ metadata: z.looseObject({ sequence: z.int() }), data: z.looseObject({ runId: z.string() }) }),
});
export type ReceivedEvent = z.infer<typeof eventSchema>;

export class Subscriber {
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #received: ReceivedEvent[] = [];

  private constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  static async subscribe(plane: DeployedPlane): Promise<Subscriber> {
    const client = new SQSClient(plane.clientOptions);
    const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: NAME }));
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
    const queueArn = Attributes?.['QueueArn'] ?? '';
    const events = new EventBridgeClient(plane.clientOptions);
    const EventBusName = plane.outputs['EventBus']?.split('/').at(-1);
    const rule = new PutRuleCommand({ Name: NAME, EventBusName, EventPattern: JSON.stringify({ source: [EVENT_SOURCE] }) });
    const { RuleArn } = await events.send(rule);
    const statement = {
      Effect: 'Allow',
      Principal: { Service: 'events.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: queueArn,
      Condition: { ArnEquals: { 'aws:SourceArn': RuleArn } },
    };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { Policy } }));
    await events.send(new PutTargetsCommand({ Rule: NAME, EventBusName, Targets: [{ Id: 'queue', Arn: queueArn }] }));
    return new Subscriber(client, QueueUrl);
  }

  /** All that came for a run until now, in the order in which it came. */
  async eventsOf(runId: string): Promise<ReceivedEvent[]> {
    for (;;) {
      const receive = new ReceiveMessageCommand({ QueueUrl: this.#queueUrl, MaxNumberOfMessages: 10 });
      const { Messages = [] } = await this.#client.send(receive);
      if (Messages.length === 0) return this.#received.filter(({ detail }) => detail.data.runId === runId);
      for (const { Body = '', ReceiptHandle } of Messages) {
        this.#received.push(eventSchema.parse(JSON.parse(Body)));
        await this.#client.send(new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle }));
      }
    }
  }
}
