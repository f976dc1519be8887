/** One page for the whole plane: what callers see, what moves runs, and what waits. */
import { Stack } from 'aws-cdk-lib';
import { type Alarm, AlarmStatusWidget, Dashboard, GraphWidget, type IMetric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { metricOf } from './alarms.ts';

export interface PlaneDashboardProps {
  readonly alarms: readonly Alarm[];
  readonly httpApiId: string;
  readonly stateMachineArn: string;
  readonly tableName: string;
  readonly nudgeQueueName: string;
  readonly busName: string;
  /** by entry */
  readonly functionNames: Readonly<Record<string, string>>;
}

export function createDashboard(scope: Construct, props: PlaneDashboardProps): Dashboard {
  const api = (name: string, statistic?: string): IMetric =>
    metricOf('AWS/ApiGateway', name, { ApiId: props.httpApiId }, { minutes: 5, ...(statistic !== undefined && { statistic }) });
  const workflow = (name: string): IMetric => metricOf('AWS/States', name, { StateMachineArn: props.stateMachineArn }, { minutes: 5 });
  const ofFunctions = (name: string, statistic?: string): IMetric[] =>
    Object.entries(props.functionNames).map(([label, FunctionName]) =>
      metricOf('AWS/Lambda', name, { FunctionName }, { minutes: 5, ...(statistic !== undefined && { statistic }) }).with({ label }),
    );
  const graph = (title: string, left: IMetric[]): GraphWidget => new GraphWidget({ title, left, width: 8, height: 6 });
  return new Dashboard(scope, 'Dashboard', {
    dashboardName: Stack.of(scope).stackName,
    widgets: [
      [new AlarmStatusWidget({ title: 'Alarms', alarms: [...props.alarms], width: 24, height: 4 })],
      [
        graph('Requests', [api('Count'), api('4xx'), api('5xx')]),
        graph('Time to answer, ms', [api('Latency', Stats.p(50)), api('Latency', Stats.p(99))]),
        graph('Functions: errors', ofFunctions('Errors')),
      ],
      [
        graph('Executions', ['ExecutionsStarted', 'ExecutionsSucceeded', 'ExecutionsFailed', 'ExecutionsAborted'].map(workflow)),
        graph('Nudges', [
          metricOf('AWS/SQS', 'NumberOfMessagesSent', { QueueName: props.nudgeQueueName }, { minutes: 5 }),
          metricOf(
            'AWS/SQS',
            'ApproximateAgeOfOldestMessage',
            { QueueName: props.nudgeQueueName },
            { minutes: 5, statistic: Stats.MAXIMUM },
          ),
        ]),
        graph('Functions: duration, ms', ofFunctions('Duration', Stats.p(99))),
      ],
      [
        graph('Events', [metricOf('AWS/Events', 'PutEventsEntriesCount', { EventBusName: props.busName }, { minutes: 5 })]),
        graph('Table: units', [
          metricOf('AWS/DynamoDB', 'ConsumedReadCapacityUnits', { TableName: props.tableName }, { minutes: 5 }),
          metricOf('AWS/DynamoDB', 'ConsumedWriteCapacityUnits', { TableName: props.tableName }, { minutes: 5 }),
        ]),
        graph('Table: throttled', [
          metricOf('AWS/DynamoDB', 'ReadThrottleEvents', { TableName: props.tableName }, { minutes: 5 }),
          metricOf('AWS/DynamoDB', 'WriteThrottleEvents', { TableName: props.tableName }, { minutes: 5 }),
        ]),
      ],
    ],
  });
}
