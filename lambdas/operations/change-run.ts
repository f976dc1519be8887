import { DomainError } from '#domain/errors.ts';
import type { RunView } from '#domain/run.ts';
import { RunChange } from '#domain/run-change.ts';
import type { Ports } from '#ports/ports.ts';
import { VersionConflict } from '#ports/run-store.ts';

/** Each conflict means that somebody else got on with this run, so a handful is plenty; the caller tries again later. */
const MAX_TRIES = 8;

/**
 * Reads, lets `decide` change the draft, writes it where nobody else was first, else reads and decides again.
 * `decide` may run several times: it must not act on the world.
 * @throws DomainError `run_not_found`, and whatever `decide` throws
 */
export async function changeRun(ports: Ports, runId: string, decide: (draft: RunChange, view: RunView) => void): Promise<RunView> {
  for (let attempt = 1; ; attempt++) {
    const view = await ports.runs.get(runId);
    if (!view) throw new DomainError('run_not_found', `no run '${runId}'`, { runId });
    const draft = new RunChange(structuredClone(view.run), ports.clock.now());
    decide(draft, view);
    if (draft.events.length === 0) return view;
    try {
      await ports.runs.change(draft.run, view.run.version, draft.events);
      return { run: draft.run, progress: view.progress };
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt === MAX_TRIES) throw error;
    }
  }
}
