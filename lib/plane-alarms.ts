/** What is watched, and from when on it is a person's business. */
import { type IMetric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { type AlarmRule, metricOf } from './alarms.ts';

export interface WatchedParts {
  readonly nudges: { readonly queue: Queue; readonly deadLetters: Queue };
  readonly streamDeadLetters: Queue;
  readonly sweeperDeadLetters: Queue;
  readonly subscriberDeadLetters: Queue | null;
  readonly httpApiId: string;
  readonly stateMachineArn: string;
  readonly functionNames: { readonly advanceRun: string; readonly stream: string; readonly sweeper: string; readonly websocket: string };
  /** null where the image is given */
  readonly imageProject: string | null;
}

export function watch(parts: WatchedParts): Record<string, AlarmRule> {
  const { functionNames } = parts;
  const errorsOf = (name: string, minutes = 5): IMetric => metricOf('AWS/Lambda', 'Errors', { FunctionName: name }, { minutes });
  return {
    'dead-letters-nudges': deadLetters('nudges that could not be worked off, or could not be delivered', parts.nudges.deadLetters),
    'dead-letters-stream': deadLetters('changes of runs whose events were not published', parts.streamDeadLetters),
    'dead-letters-sweeper': deadLetters('sweeps that failed', parts.sweeperDeadLetters),
    ...(parts.subscriberDeadLetters && {
      'dead-letters-subscribers': deadLetters('events that a subscriber did not take for a day', parts.subscriberDeadLetters),
    }),
    'nudges-late': {
      sentence: 'Nudges wait for more than five minutes: runs move on with the clock, not at once',
      metric: metricOf(
        'AWS/SQS',
        'ApproximateAgeOfOldestMessage',
        { QueueName: parts.nudges.queue.queueName },
        { statistic: Stats.MAXIMUM },
      ),
      above: 300,
      periods: 3,
    },
    'stream-late': {
      sentence: 'Events are published more than five minutes late',
      metric: metricOf('AWS/Lambda', 'IteratorAge', { FunctionName: functionNames.stream }, { statistic: Stats.MAXIMUM }),
      above: 300_000,
      periods: 3,
    },
    'workflow-gave-up': {
      sentence: 'An execution ended with an error; its run goes on with the next one',
      metric: metricOf('AWS/States', 'ExecutionsFailed', { StateMachineArn: parts.stateMachineArn }),
      above: 0,
    },
    'advance-failing': {
      sentence: 'The task that moves runs on has failed for a quarter of an hour: training goes on, its runs stand still',
      metric: errorsOf(functionNames.advanceRun),
      above: 0,
      periods: 3,
    },
    'sweeper-failing': {
      sentence: 'The sweep fails, or does not come: what went wrong is not made good',
      metric: errorsOf(functionNames.sweeper),
      above: 0,
      periods: 2,
      missingIsBad: true,
    },
    'api-errors': {
      sentence: 'The APIs answer 5xx',
      metric: metricOf('AWS/ApiGateway', '5xx', { ApiId: parts.httpApiId }, { minutes: 5 }),
      above: 5,
      periods: 2,
    },
    'sockets-failing': {
      sentence: 'The function of the WebSocket API fails: nobody can follow a run live',
      metric: errorsOf(functionNames.websocket),
      above: 0,
      periods: 2,
    },
    ...(parts.imageProject !== null && {
      'image-build-failed': {
        sentence: 'The trainer image was not built: runs wait for it',
        metric: metricOf('AWS/CodeBuild', 'FailedBuilds', { ProjectName: parts.imageProject }, { minutes: 5 }),
        above: 0,
      },
    }),
  };
}

const deadLetters = (what: string, queue: Queue): AlarmRule => ({
  sentence: `There are ${what}`,
  metric: metricOf(
    'AWS/SQS',
    'ApproximateNumberOfMessagesVisible',
    { QueueName: queue.queueName },
    { statistic: Stats.MAXIMUM, minutes: 5 },
  ),
  above: 0,
});
