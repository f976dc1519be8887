/** What our functions are held against: a plain function of middy, zod and one DynamoDB client, bundled by the same call. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import * as z from 'zod';

const itemSchema = z.object({ id: z.string().min(1), name: z.string(), epochs: z.int().min(1).max(100).default(3) });
const client = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env['TUNEPLANE_TABLE'] ?? '';

export const handler = middy(async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => {
  if (event.requestContext.http.method === 'POST') {
    const parsed = itemSchema.safeParse(JSON.parse(event.body ?? ''));
    if (!parsed.success) return { statusCode: 422, body: JSON.stringify(parsed.error.issues) };
    await client.send(new PutCommand({ TableName, Item: parsed.data }));
    return { statusCode: 201, body: JSON.stringify(parsed.data) };
  }
  const { Item } = await client.send(new GetCommand({ TableName, Key: { id: event.pathParameters?.['id'] } }));
  return Item ? { statusCode: 200, body: JSON.stringify(itemSchema.parse(Item)) } : { statusCode: 404 };
});
