/** The one table: every run, its events, lists and counters. Its keys and what they mean: `lambdas/aws/table/table-keys.ts`. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, ProjectionType, StreamViewType, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { Construct } from 'constructs';
import { TABLE_DEFINITION } from '#aws/table/table-definition.ts';

const text = (name: string) => ({ name, type: AttributeType.STRING });

export function createRunTable(scope: Construct, keepData: boolean): Table {
  const { partitionKey, sortKey, timeToLive, streamView, index } = TABLE_DEFINITION;
  const table = new Table(scope, 'Runs', {
    partitionKey: text(partitionKey),
    sortKey: text(sortKey),
    timeToLiveAttribute: timeToLive,
    stream: StreamViewType[streamView],
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.DEFAULT,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: keepData,
    removalPolicy: keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
  });
  table.addGlobalSecondaryIndex({
    indexName: index.name,
    partitionKey: text(index.partitionKey),
    sortKey: text(index.sortKey),
    projectionType: ProjectionType[index.projection],
  });
  return table;
}
