/** A rule of EventBridge with one target, and what happens with an event that the target does not take: tried for a day, then kept. */
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/**
 * The most that EventBridge takes. Written out, since a bus of one's own has other defaults than the account's: 5 tries in 5 minutes.
 * Source: docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export const RETRY_POLICY = { maximumRetryAttempts: 185, maximumEventAgeInSeconds: 86_400 };

export interface EventRuleProps {
  readonly description: string;
  /** null: the bus of the account, where AWS puts its own events */
  readonly busName: string | null;
  readonly pattern: Readonly<Record<string, unknown>>;
  readonly targetArn: string;
  /** with which EventBridge reaches a target that wants one */
  readonly roleArn?: string;
  readonly deadLetters: Queue;
}

export function createEventRule(scope: Construct, id: string, props: EventRuleProps): CfnRule {
  return new CfnRule(scope, id, {
    description: props.description,
    eventPattern: props.pattern,
    state: 'ENABLED',
    ...(props.busName !== null && { eventBusName: props.busName }),
    targets: [
      {
        id: 'Target',
        arn: props.targetArn,
        ...(props.roleArn !== undefined && { roleArn: props.roleArn }),
        retryPolicy: RETRY_POLICY,
        deadLetterConfig: { arn: props.deadLetters.queueArn },
      },
    ],
  });
}

/** @param ruleArn of the rules that may send into it: it may end in a `*` */
export function grantSendToRules(queue: Queue, ruleArn: string): void {
  queue.addToResourcePolicy(
    new PolicyStatement({
      effect: Effect.ALLOW,
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnLike: { 'aws:SourceArn': ruleArn } },
    }),
  );
}
