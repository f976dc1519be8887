import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

export interface Call {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** Any client of the SDK. */
type Client = Pick<DynamoDBClient, 'middlewareStack'>;

/** Notes every request that goes out, retries of the SDK as one. @returns the list that grows */
export function recordCalls(client: Client): Call[] {
  const calls: Call[] = [];
  client.middlewareStack.add(
    (next, context) => async (args) => {
      calls.push({ operation: String(context.commandName).replace(/Command$/, ''), input: { ...(args.input as object) } });
      return next(args);
    },
    { step: 'initialize', name: 'recordCalls' },
  );
  return calls;
}

/** How often each operation was called: `{ GetItem: 1 }`. */
export function countCalls(calls: readonly Call[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operation } of calls) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
}
