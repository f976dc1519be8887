/** Runs of a deployed plane, as their callers see them. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { isFinal, RUN_STATES } from '#domain/run-lifecycle.ts';
import type { DeployedPlane } from './deployed-plane.ts';

const LOOK_MILLIS = 200;
/** A real trainer on two busy cores. */
const PATIENCE_MILLIS = 240_000;

const runSchema = z.looseObject({
  id: z.string(),
  state: z.enum(RUN_STATES),
  progress: z.looseObject({ attempt: z.int(), step: z.int(), steps: z.int().nullable() }).nullable(),
  failure: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  stop_detail: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type SeenRun = z.infer<typeof runSchema>;

const eventsSchema = z.object({
  items: z.array(
    z.looseObject({ sequence: z.int(), type: z.string(), state: z.string(), attempt: z.int().nullable(), message: z.string() }),
  ),
});

export async function lookAt(plane: DeployedPlane, runId: string): Promise<SeenRun> {
  const { status, body } = await plane.request('GET', `/runs/${runId}`);
  if (status !== 200) throw new Error(`GET /runs/${runId} answered ${status}: ${JSON.stringify(body)}`);
  return runSchema.parse(body);
}

/** @throws Error with what was last seen, when it never comes */
export async function runWhen(plane: DeployedPlane, runId: string, isThere: (run: SeenRun) => boolean): Promise<SeenRun> {
  const until = Date.now() + PATIENCE_MILLIS;
  for (;;) {
    const run = await lookAt(plane, runId);
    if (isThere(run)) return run;
    if (isOver(run) || Date.now() > until) throw new Error(`run ${runId} never came there: ${JSON.stringify(run)}`);
    await sleep(LOOK_MILLIS);
  }
}

export async function runAtEnd(plane: DeployedPlane, runId: string): Promise<SeenRun> {
  return runWhen(plane, runId, isOver);
}

const isOver = ({ state }: SeenRun): boolean => isFinal(state);

export async function eventsOf(plane: DeployedPlane, runId: string): Promise<z.infer<typeof eventsSchema>['items']> {
  return eventsSchema.parse((await plane.request('GET', `/runs/${runId}/events?limit=1000`)).body).items;
}

/** Polls for what comes by itself. */
export async function until<Found>(what: string, find: () => Promise<Found | null | undefined | false>): Promise<Found> {
  const end = Date.now() + PATIENCE_MILLIS;
  for (;;) {
    const found = await find();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come within ${PATIENCE_MILLIS / 1_000} s`);
    await sleep(LOOK_MILLIS);
  }
}
