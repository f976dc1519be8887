/** `adapter_id` is a label of a result. Used twice, the newest completed run holds it; a run without one is held by its own id. */
import { DomainError } from '#domain/errors.ts';
import type { RunView } from '#domain/run.ts';
import type { Ports } from '#ports';

const PAGE = 100;
const collectionOf = (adapterId: string): string => `adapter-runs/${adapterId}`;

/** Before the run itself is stored: a crash between leaves a pointer to nothing, which is passed over. */
export async function noteAdapter(ports: Ports, adapterId: string, runId: string): Promise<void> {
  await ports.documents.put(collectionOf(adapterId), runId, {});
}

/** @throws DomainError `adapter_not_found` */
export async function getAdapter(ports: Ports, adapterId: string): Promise<RunView> {
  let after: string | undefined;
  for (;;) {
    const pointers = await ports.documents.list(collectionOf(adapterId), PAGE, after);
    for (const { id } of pointers) {
      const view = await ports.runs.get(id);
      if (view?.run.state === 'completed') return view;
    }
    after = pointers.at(-1)?.id;
    if (pointers.length < PAGE || after === undefined) break;
  }
  const own = await ports.runs.get(adapterId);
  if (own?.run.state === 'completed' && own.run.adapterId === null) return own;
  throw new DomainError('adapter_not_found', `no completed run holds the adapter '${adapterId}'`, { adapterId });
}
