import * as z from 'zod';

const messageSchema = z.looseObject({ type: z.string(), seq: z.int(), data: z.record(z.string(), z.unknown()) });

export interface TestSocket {
  /** as they came */
  readonly messages: readonly z.infer<typeof messageSchema>[];
  close(): void;
}

/** @returns once its first message is there @throws Error where the handshake is refused */
export async function openSocket(url: string): Promise<TestSocket> {
  const socket = new WebSocket(url);
  const messages: z.infer<typeof messageSchema>[] = [];
  const { promise: greeted, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener('message', ({ data }) => {
    messages.push(messageSchema.parse(JSON.parse(String(data))));
    resolve();
  });
  socket.addEventListener('error', () => reject(new Error(`no socket at ${url}`)));
  socket.addEventListener('close', ({ code }) => reject(new Error(`closed with ${code} before it said anything`)));
  await greeted;
  return { messages, close: () => socket.close() };
}
