/** Many old runs at once: those that are over for long enough, hold no tag and are nobody's beginning. */
import { idAt } from '#domain/ids.ts';
import { isFinal, RUN_STATES } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import { deleteRun, whyKept } from './delete-run.ts';
import { listRuns } from './list-runs.ts';

export interface GarbageOrder {
  /** milliseconds since 1970: runs that were over before */
  readonly before: number;
  /** 1 to 1,000: how many runs are looked at */
  readonly limit: number;
  readonly after?: string | undefined;
  /** says what would go, and leaves it */
  readonly isDryRun: boolean;
}

export interface GarbageReport {
  readonly deleted: readonly string[];
  readonly kept: readonly { readonly id: string; readonly reason: string }[];
  /** what to pass as `after` to go on; null where all were looked at */
  readonly next: string | null;
}

/** Newest first, like every list. @throws VersionConflict where a run changed meanwhile; what was deleted before stays so */
export async function collectGarbage(ports: Ports, { before, limit, after, isDryRun }: GarbageOrder): Promise<GarbageReport> {
  const { items, next } = await listRuns(ports, { state: RUN_STATES.filter(isFinal) }, limit, after ?? idAt('run', before));
  const deleted: string[] = [];
  const kept: { id: string; reason: string }[] = [];
  for (const { run } of items) {
    if (run.completedAt === null || Date.parse(run.completedAt) >= before) continue;
    const reason = whyKept(run);
    if (reason) kept.push({ id: run.id, reason });
    else {
      if (!isDryRun) await deleteRun(ports, run.id);
      deleted.push(run.id);
    }
  }
  return { deleted, kept, next };
}
