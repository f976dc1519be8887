/** `adapter_id` is a label of a result. Used twice, the newest completed run holds it; a run without one is held by its own id. */
import { DomainError } from '#domain/errors.ts';
import type { RunView } from '#domain/run.ts';
import { type Manifest, runFolderKeys } from '#domain/run-folder.ts';
import type { StoredFile } from '#domain/training.ts';
import type { Ports } from '#ports/ports.ts';
import { inFolder } from './advance/run-folder-files.ts';
import { findNewestCompleted, notePointer } from './newest-completed.ts';

const collectionOf = (adapterId: string): string => `adapter-runs/${adapterId}`;

/** Before the run itself is stored. */
export const noteAdapter = (ports: Ports, adapterId: string, runId: string): Promise<void> =>
  notePointer(ports, collectionOf(adapterId), runId);

export interface Adapter {
  readonly view: RunView;
  /** the files of adapter or model, each with a link that fetches it */
  readonly files: readonly (Manifest['files'][number] & { readonly link: string })[];
}

/** @throws DomainError `adapter_not_found` */
export async function getAdapter(ports: Ports, adapterId: string): Promise<Adapter> {
  const view = await findHolder(ports, adapterId);
  const files = (view.run.result?.files ?? []).filter(({ kind }) => kind === 'adapter' || kind === 'model');
  const link = (file: StoredFile): Promise<string> =>
    ports.downloads.link(inFolder(view.run, runFolderKeys.artifact(view.run.id, file.path)), file);
  return { view, files: await Promise.all(files.map(async (file) => ({ ...file, link: await link(file) }))) };
}

async function findHolder(ports: Ports, adapterId: string): Promise<RunView> {
  const holder = await findNewestCompleted(ports, collectionOf(adapterId));
  if (holder) return holder;
  const own = await ports.runs.get(adapterId);
  if (own?.run.state === 'completed' && own.run.adapterId === null) return own;
  throw new DomainError('adapter_not_found', `no completed run holds the adapter '${adapterId}'`, { adapterId });
}
