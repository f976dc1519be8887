import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { DynamoAnswerStore } from '#aws/table/dynamo-answer-store.ts';
import { DynamoDocumentStore } from '#aws/table/dynamo-document-store.ts';
import { DynamoLogIndex } from '#aws/table/dynamo-log-index.ts';
import { DynamoRunStore } from '#aws/table/dynamo-run-store.ts';
import { DynamoTable } from '#aws/table/dynamo-table.ts';
import { TABLE_DEFINITION } from '#aws/table/table-definition.ts';
import { clientOptions, uniqueName } from './aws-clients.ts';
import { EPOCH } from './builders.ts';

export const makeDynamoClient = (): DynamoDBClient => new DynamoDBClient(clientOptions());

/** As the stacks make it. */
export async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  const { partitionKey, sortKey, streamView, index } = TABLE_DEFINITION;
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [partitionKey, sortKey, index.partitionKey, index.sortKey].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S' as const,
      })),
      KeySchema: [
        { AttributeName: partitionKey, KeyType: 'HASH' },
        { AttributeName: sortKey, KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: streamView },
      GlobalSecondaryIndexes: [
        {
          IndexName: index.name,
          KeySchema: [
            { AttributeName: index.partitionKey, KeyType: 'HASH' },
            { AttributeName: index.sortKey, KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: index.projection },
        },
      ],
    }),
  );
}

/** The stores over a new table, on a clock that stands. It is left where it is: the emulator forgets all when it ends. */
export async function openTable(client: DynamoDBClient = makeDynamoClient()) {
  const name = uniqueName('table');
  await createTable(client, name);
  const documentClient = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const table = new DynamoTable({ client: documentClient, table: name });
  const clock = { now: () => EPOCH };
  return {
    name,
    client,
    table,
    runs: new DynamoRunStore(table, { clock }),
    documents: new DynamoDocumentStore(table, { clock }),
    answers: new DynamoAnswerStore(table),
    logIndex: new DynamoLogIndex(table),
    close: async () => client.destroy(),
  };
}
