/**
 * The queue of nudges, and where those end that could not be worked off. It lies beside the bucket, which sends into it: a queue of the
 * other stack would have to be there before the bucket, and the bucket before that stack.
 */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { grantSendToRules } from './event-targets.ts';

/** Of the function that works nudges off; a message comes again when six times of it are over, as AWS advises. */
export const NUDGE_TIMEOUT_SECONDS = 120;
const TRIES = 5;

export class NudgeQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, { serviceStackName }: { readonly serviceStackName: string }) {
    super(scope, id);
    this.deadLetters = createDeadLetterQueue(this, 'DeadLetters');
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      // A hint of yesterday is none: the clock has looked since.
      retentionPeriod: Duration.days(1),
      visibilityTimeout: Duration.seconds(6 * NUDGE_TIMEOUT_SECONDS),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: TRIES },
    });
    this.#letSend(serviceStackName);
  }

  /**
   * Of any bucket of this account, and of the rules of one stack: who sends is made later, so a policy cannot name it. Names of rules begin
   * with that of their stack.
   */
  #letSend(serviceStackName: string): void {
    const { partition, region, account } = Stack.of(this);
    this.queue.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('s3.amazonaws.com')],
        actions: ['sqs:SendMessage'],
        resources: [this.queue.queueArn],
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    );
    const rules = `arn:${partition}:events:${region}:${account}:rule/${serviceStackName}-*`;
    for (const queue of [this.queue, this.deadLetters]) grantSendToRules(queue, rules);
  }
}

/** Kept for two weeks: long enough for a person to come back from a holiday. */
export function createDeadLetterQueue(scope: Construct, id: string): Queue {
  const queue = new Queue(scope, id, { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) });
  const reason = 'it is where messages end, and an alarm says so';
  Validations.of(queue).acknowledge({ id: 'AwsSolutions-SQS3', reason }, { id: 'Serverless-SQSRedrivePolicy', reason });
  return queue;
}
