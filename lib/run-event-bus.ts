/**
 * Where the plane tells of its runs. Whoever wants to hear puts a rule on the bus (examples/events/); accounts of the settings get every
 * event on their own default bus, where they let this account in.
 */
import { Stack } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { EVENT_SOURCE } from '#domain/public-events.ts';
import { createEventRule, grantSendToRules } from './event-targets.ts';
import { createDeadLetterQueue } from './nudge-queue.ts';
import { allow } from './wildcards.ts';

export class RunEventBus extends Construct {
  readonly bus: EventBus;
  /** events that a subscriber's bus did not take; null without subscribers */
  readonly deadLetters: Queue | null;

  constructor(scope: Construct, id: string, { subscribers }: { readonly subscribers: readonly string[] }) {
    super(scope, id);
    const { partition, region } = Stack.of(this);
    this.bus = new EventBus(this, 'Bus', { description: 'What happens to runs' });
    this.deadLetters = subscribers.length > 0 ? createDeadLetterQueue(this, 'DeadLetters') : null;
    const role = this.deadLetters && new Role(this, 'DeliveryRole', { assumedBy: new ServicePrincipal('events.amazonaws.com') });
    for (const account of subscribers) {
      if (!role || !this.deadLetters) continue;
      const targetArn = `arn:${partition}:events:${region}:${account}:event-bus/default`;
      allow(role, ['events:PutEvents'], targetArn);
      const rule = createEventRule(this, `Subscriber${account}`, {
        description: `Every event of the plane, for account ${account}`,
        busName: this.bus.eventBusName,
        pattern: { source: [EVENT_SOURCE] },
        targetArn,
        roleArn: role.roleArn,
        deadLetters: this.deadLetters,
      });
      grantSendToRules(this.deadLetters, rule.attrArn);
    }
  }
}
