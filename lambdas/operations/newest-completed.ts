/**
 * Pointers from a label to the runs that carry it, one document a run, so that its newest completed run is found without a scan: run
 * ids sort by time, and the walk ends at the first that is completed.
 */
import type { RunView } from '#domain/run.ts';
import type { Ports } from '#ports/ports.ts';

const PAGE = 100;

/** Before the run itself is stored: a crash between leaves a pointer to nothing, which is passed over. */
export async function notePointer(ports: Ports, collection: string, runId: string): Promise<void> {
  await ports.documents.put(collection, runId, {});
}

export async function findNewestCompleted(ports: Ports, collection: string): Promise<RunView | null> {
  let after: string | undefined;
  for (;;) {
    const pointers = await ports.documents.list(collection, PAGE, after);
    for (const { id } of pointers) {
      const view = await ports.runs.get(id);
      if (view?.run.state === 'completed') return view;
    }
    after = pointers.at(-1)?.id;
    if (pointers.length < PAGE || after === undefined) return null;
  }
}
