/** The wire between the plane and workers. Snake case like the rest. */
import * as z from 'zod';
import { CLIENT_NAME } from '#domain/ids.ts';
import { workerReportSchema } from '#domain/worker.ts';

export const workerParams = z.object({
  worker: z.string().regex(CLIENT_NAME).meta({ description: "the worker's name", example: 'box-1' }),
});

export const tokenResponse = z.object({ worker: z.string(), token: z.string() }).meta({ id: 'WorkerToken' });

const { instance, host, slots, engines, bases, gpus, memoryGb, sharesFolders, isLeaving, holding } = workerReportSchema.shape;
const [gpu, held] = [gpus.element.shape, holding.element.shape];

export const lookBody = z
  .strictObject({
    instance,
    host,
    slots,
    gpus: z.array(z.strictObject({ index: gpu.index, name: gpu.name, memory_gb: gpu.memoryGb })).max(64),
    memory_gb: memoryGb,
    engines,
    bases,
    shares_folders: sharesFolders,
    leaving: isLeaving,
    holding: z.array(z.strictObject({ attempt: held.attempt, alive: held.isAlive })).max(1_024),
  })
  .meta({ id: 'WorkerReport' });

export const workResponse = z
  .object({
    start: z
      .array(
        z.object({
          attempt: z.string(),
          run_id: z.string(),
          number: z.int(),
          gpus: z.array(z.int()).meta({ description: 'of this machine; none where it trains on its processor' }),
          bootstrap_token: z.string().meta({ description: 'good for one claim' }),
        }),
      )
      .meta({ description: 'attempts to start; the same ones again until they are held' }),
    end: z.array(z.string()).meta({ description: 'attempts to end, without asking' }),
    wait_seconds: z.number(),
    mark: z
      .object({ path: z.string(), content: z.string() })
      .nullable()
      .meta({ description: "a worker that reads this at that path sees the plane's own folders" }),
  })
  .meta({ id: 'Work' });
