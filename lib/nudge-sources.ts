/** What AWS says by itself of jobs and executions, into the queue of nudges: hints, so that a run does not wait for the clock. */
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import type { BatchComputeClass } from './compute-class.ts';
import { createEventRule } from './event-targets.ts';
import type { NudgeQueue } from './nudge-queue.ts';

export interface NudgeSourcesProps {
  readonly nudges: NudgeQueue;
  readonly classes: readonly BatchComputeClass[];
  readonly workflow: StateMachine;
}

export function connectNudgeSources(scope: Construct, { nudges, classes, workflow }: NudgeSourcesProps): void {
  const { queue, deadLetters } = nudges;
  const shared = { busName: null, targetArn: queue.queueArn, deadLetters };
  createEventRule(scope, 'JobNudges', {
    ...shared,
    description: 'A job of ours changed its state, or its queue is blocked',
    pattern: {
      source: ['aws.batch'],
      'detail-type': ['Batch Job State Change', 'Batch Job Queue Blocked'],
      detail: { jobQueue: classes.map((one) => one.queue.ref) },
    },
  });
  createEventRule(scope, 'ExecutionNudges', {
    ...shared,
    description: 'An execution of ours ended otherwise than by itself: the next generation goes on at once',
    pattern: {
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: [workflow.stateMachineArn], status: ['FAILED', 'TIMED_OUT', 'ABORTED'] },
    },
  });
}
