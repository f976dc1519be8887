/**
 * What makes runs prompt: a queue of hints that something happened. A report or manifest was put, a job changed its state, an execution was
 * stopped, a caller asked for a stop. Each is read by whoever knows its form, and leads to a look at the runs that it names. Hints come
 * doubled, late and out of order, and may be lost: a look reads everything anew, and the clock is behind them.
 *
 * A message whose run could not be looked at goes back to the queue, and it alone; one that nobody can read would come back for ever, and
 * is dropped with a line in the log.
 */
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { nudgeSchema } from '#domain/nudge.ts';
import { type Log, logToStderr } from '#http/exchange.ts';
import type { Ports } from '#ports/ports.ts';
import { advanceOn } from './advance-on.ts';

/** Runs to be looked at for a message; null where the message is of another form. May act on what it reads, twice is fine. */
export type NudgeReader = (message: unknown) => Promise<readonly string[] | null>;

export interface NudgesOptions {
  readonly readers: readonly NudgeReader[];
  readonly log?: Log;
}

const readOwnNudge: NudgeReader = async (message) => {
  const own = nudgeSchema.safeParse(message);
  return own.success ? [own.data.nudge] : null;
};

export function createHandler(ports: Ports, { readers, log = logToStderr }: NudgesOptions): (event: SQSEvent) => Promise<SQSBatchResponse> {
  const allReaders = [readOwnNudge, ...readers];

  async function read({ body, messageId }: SQSRecord): Promise<readonly string[]> {
    let message: unknown;
    try {
      message = JSON.parse(body);
    } catch {
      message = null;
    }
    for (const reader of allReaders) {
      const runIds = await reader(message);
      if (runIds !== null) return runIds;
    }
    log({ level: 'warn', event: 'nudge-not-understood', messageId, bytes: body.length });
    return [];
  }

  return async ({ Records }) => {
    const failed = new Set<string>();
    /** of each run, the messages that named it */
    const named = new Map<string, string[]>();
    const note = (messageId: string, what: Readonly<Record<string, unknown>>, error: unknown): void => {
      failed.add(messageId);
      log({ level: 'error', event: 'nudge-failed', messageId, ...what, message: error instanceof Error ? error.message : String(error) });
    };
    await Promise.all(
      Records.map(async (record) => {
        try {
          for (const runId of await read(record)) named.set(runId, [...(named.get(runId) ?? []), record.messageId]);
        } catch (error) {
          note(record.messageId, {}, error);
        }
      }),
    );
    await Promise.all(
      [...named].map(async ([runId, messageIds]) => {
        try {
          await advanceOn(ports, runId);
        } catch (error) {
          for (const messageId of messageIds) note(messageId, { runId }, error);
        }
      }),
    );
    return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
  };
}
