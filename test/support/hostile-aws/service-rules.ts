/** The services around: each has one or two ways of its own. */
import { GoneException } from '@aws-sdk/client-apigatewaymanagementapi';
import type { Output, Rule } from './hostile-aws.ts';
import { lostReply } from './transient-faults.ts';

const RETRIES = 'docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html';

const losesReplies = (service: string, operations: readonly string[], what: string, page: string, probability: number): Rule => ({
  does: `${service}: ${what}`,
  page,
  service,
  operations,
  on: 'try',
  impose: async (_, send, dice) => {
    const output = await send();
    if (dice.strikes(probability)) throw lostReply();
    return output;
  },
});

/** Executions that a listing has not yet shown, by state machine. */
const listed = new Map<string, Set<string>>();
/** Entries that a bus has refused; each is taken the next time. */
const refusedEntries = new Set<string>();
/** How often a connection was asked for while it was still coming. */
const coming = new Map<string, number>();
const COMING_SENDS = 2;

export const SERVICE_RULES: readonly Rule[] = [
  losesReplies(
    'SFN',
    ['StartExecution'],
    'the reply to a start is lost; sent again it is the same execution while that runs, and a taken name after',
    'docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html',
    0.3,
  ),
  {
    does: 'a list of executions does not show the newest yet',
    page: 'docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html',
    service: 'SFN',
    operations: ['ListExecutions'],
    on: 'request',
    impose: async ({ input }, send, dice) => {
      const output = await send();
      const known = listed.get(String(input['stateMachineArn'])) ?? new Set<string>();
      listed.set(String(input['stateMachineArn']), known);
      const executions = (output['executions'] ?? []) as readonly { readonly executionArn: string }[];
      const shown = executions.filter(({ executionArn }) => known.has(executionArn) || !dice.strikes(0.5));
      for (const { executionArn } of executions) known.add(executionArn);
      return { ...output, executions: shown };
    },
  },
  losesReplies(
    'Batch',
    ['SubmitJob'],
    'the reply to a submission is lost; it has no token, so sent again it is a second job',
    'docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html',
    0.3,
  ),
  losesReplies('Batch', ['ListJobs', 'DescribeJobs', 'TerminateJob'], 'a reply is lost, and the SDK asks again', RETRIES, 0.1),
  {
    does: 'a bus takes some of its entries and refuses others, in an answer that is no error',
    page: 'docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html',
    service: 'EventBridge',
    operations: ['PutEvents'],
    on: 'request',
    impose: async ({ input }, send, dice) => {
      const entries = input['Entries'] as readonly unknown[];
      const refused = dice.below(entries.length);
      const entry = JSON.stringify(entries[refused]);
      if (refusedEntries.has(entry) || !dice.strikes(0.25)) return send();
      refusedEntries.add(entry);
      const taken = entries.filter((_, index) => index !== refused);
      const { Entries = [] } = (taken.length === 0 ? {} : await send({ ...input, Entries: taken })) as { Entries?: Output[] };
      const answers = Entries.toSpliced(refused, 0, { ErrorCode: 'InternalFailure', ErrorMessage: 'try again' });
      return { FailedEntryCount: 1, Entries: answers };
    },
  },
  losesReplies('EventBridge', ['PutEvents'], 'a reply is lost, and events are told twice', RETRIES, 0.1),
  losesReplies(
    'SQS',
    ['SendMessage'],
    'a reply is lost, and a message is there twice',
    'docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html',
    0.3,
  ),
  {
    does: 'a connection is said to be gone while its $connect is still being answered',
    page: 'docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html',
    service: 'ApiGatewayManagementApi',
    operations: ['PostToConnection'],
    on: 'request',
    impose: async ({ input }, send, dice) => {
      const id = String(input['ConnectionId']);
      const asked = coming.get(id) ?? 0;
      coming.set(id, asked + 1);
      if (asked < COMING_SENDS && dice.strikes(1)) throw new GoneException({ message: 'gone', $metadata: { httpStatusCode: 410 } });
      return send();
    },
  },
];
