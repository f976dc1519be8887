/** The worker's one question to its plane. */
import * as z from 'zod';
import { type lookBody, workResponse } from '#surfaces/attempts/worker-schemas.ts';

const ANSWER_MILLIS = 15_000;

/** It does not answer, or asks to come again: a worker waits for it. */
export class PlaneAway extends Error {}

export interface WorkerAddress {
  /** without a slash at its end */
  readonly url: string;
  readonly token: string;
  readonly name: string;
}

const errorSchema = z.object({ detail: z.string() });

/** One at a time. @throws PlaneAway; Error with the plane's own sentence where it refuses */
export async function askPlane(
  { url, token, name }: WorkerAddress,
  report: z.infer<typeof lookBody>,
): Promise<z.infer<typeof workResponse>> {
  let status: number;
  let body: unknown;
  try {
    const response = await fetch(`${url}/workers/${encodeURIComponent(name)}/look`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(report),
      redirect: 'error', // the token is for one host
      signal: AbortSignal.timeout(ANSWER_MILLIS),
    });
    status = response.status;
    body = await response.json();
  } catch (error) {
    throw new PlaneAway(`no plane answers at ${url}`, { cause: error });
  }
  if (status >= 500 || status === 429) throw new PlaneAway(`the plane at ${url} answered ${status}`);
  if (status !== 200) {
    const refusal = errorSchema.safeParse(body);
    throw new Error(`the plane at ${url} refuses this worker: ${refusal.success ? refusal.data.detail : `status ${status}`}`);
  }
  const work = workResponse.safeParse(body);
  if (!work.success) throw new Error(`the plane at ${url} is of another version than this worker: bring both to the same`);
  return work.data;
}
