/** One stretch of load: some connections, each with one request in flight, for a time or a number of requests, whichever ends first. */
import { type Answer, RawConnection } from './raw-client.ts';

export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly milliseconds: number;
  readonly maxRequests: number;
  readonly nextRequest: () => Buffer;
  readonly expectedStatus: number;
  readonly onAnswer?: (answer: Answer) => void;
}

export interface LoadFigures {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly minMillis: number;
  readonly p50Millis: number;
  readonly p99Millis: number;
}

/** @throws Error where the server answers with another status, does not answer, or closes */
export async function runLoad({
  port,
  connections,
  milliseconds,
  maxRequests,
  nextRequest,
  expectedStatus,
  onAnswer,
}: Load): Promise<LoadFigures> {
  const clients = await Promise.all(Array.from({ length: connections }, () => RawConnection.open(port)));
  const latencies: number[] = [];
  const start = performance.now();
  let left = maxRequests;
  const work = async (client: RawConnection): Promise<void> => {
    let now = performance.now();
    while (left > 0 && now - start < milliseconds) {
      left -= 1;
      const answer = await client.send(nextRequest());
      const answered = performance.now();
      if (answer.status !== expectedStatus)
        throw new Error(`status ${answer.status} instead of ${expectedStatus}: ${answer.body.toString().slice(0, 300)}`);
      onAnswer?.(answer);
      latencies.push(answered - now);
      now = performance.now();
    }
  };
  try {
    await Promise.all(clients.map(work));
  } finally {
    for (const client of clients) client.close();
  }
  const seconds = (performance.now() - start) / 1_000;
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    requestsPerSecond: latencies.length / seconds,
    minMillis: quantile(latencies, 0),
    p50Millis: quantile(latencies, 0.5),
    p99Millis: quantile(latencies, 0.99),
  };
}

/** @param sorted ascending */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
