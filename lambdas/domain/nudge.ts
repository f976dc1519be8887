/** A hint that a run should be looked at now, as a message of a queue. */
import * as z from 'zod';

export const nudgeSchema = z.object({ nudge: z.string().min(1) });

export const toNudge = (runId: string): string => JSON.stringify({ nudge: runId } satisfies z.infer<typeof nudgeSchema>);
