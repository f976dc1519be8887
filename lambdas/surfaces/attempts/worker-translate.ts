/** Ours <-> the wire of workers. Pure. */
import type * as z from 'zod';
import type { WorkerReport } from '#domain/worker.ts';
import type { WorkAnswer } from '#operations/look-for-work.ts';
import type { lookBody, workResponse } from './worker-schemas.ts';

export const fromReport = ({
  gpus,
  memory_gb: memoryGb,
  shares_folders: sharesFolders,
  leaving: isLeaving,
  holding,
  ...same
}: z.infer<typeof lookBody>): WorkerReport => ({
  ...same,
  gpus: gpus.map(({ index, name, memory_gb }) => ({ index, name, memoryGb: memory_gb })),
  memoryGb,
  sharesFolders,
  isLeaving,
  holding: holding.map(({ attempt, alive }) => ({ attempt, isAlive: alive })),
});

/** For the worker itself, which speaks the same wire. */
export const toReport = ({ gpus, memoryGb, sharesFolders, isLeaving, holding, ...same }: WorkerReport): z.infer<typeof lookBody> => ({
  ...same,
  gpus: gpus.map(({ index, name, memoryGb: memory_gb }) => ({ index, name, memory_gb })),
  memory_gb: memoryGb,
  shares_folders: sharesFolders,
  leaving: isLeaving,
  holding: holding.map(({ attempt, isAlive }) => ({ attempt, alive: isAlive })),
});

export const toWork = ({ start, end, waitSeconds, mark }: WorkAnswer): z.infer<typeof workResponse> => ({
  start: start.map(({ attempt, runId, number, gpus, bootstrapToken }) => ({
    attempt,
    run_id: runId,
    number,
    gpus: [...gpus],
    bootstrap_token: bootstrapToken,
  })),
  end: [...end],
  wait_seconds: waitSeconds,
  mark,
});
