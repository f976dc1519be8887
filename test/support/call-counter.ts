/** Any client of the SDK: each has middleware of types of its own. */
export interface AnyClient {
  readonly middlewareStack: { add(middleware: never, options: never): void };
}

export interface Call {
  readonly operation: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/**
 * Puts something around every request of a client.
 * @param around is called once a request, before the SDK's own retries (`initialize`) or once for each try (`deserialize`)
 */
export function wrapRequests(
  client: AnyClient,
  step: 'initialize' | 'deserialize',
  around: (request: Call, send: () => Promise<{ output: Record<string, unknown> }>) => Promise<unknown>,
): void {
  const middleware =
    (next: (args: object) => Promise<{ output: Record<string, unknown> }>, context: { commandName?: string }) =>
    async (args: { input: object }) =>
      around({ operation: String(context.commandName).replace(/Command$/, ''), input: { ...args.input } }, () => next(args));
  client.middlewareStack.add(middleware as never, { step, name: `around-${++count}`, priority: 'low' } as never);
}
let count = 0;

/** Notes every request that goes out, retries of the SDK as one. @returns the list that grows */
export function recordCalls(client: AnyClient): Call[] {
  const calls: Call[] = [];
  wrapRequests(client, 'initialize', (request, send) => {
    calls.push(request);
    return send();
  });
  return calls;
}

/** How often each operation was called: `{ GetItem: 1 }`. */
export function countCalls(calls: readonly Call[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operation } of calls) counts[operation] = (counts[operation] ?? 0) + 1;
  return counts;
}
