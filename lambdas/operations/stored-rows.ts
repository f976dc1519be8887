/** Sessions, trajectories and datasets: rows that users store under a name. A run copies them by content; a later store concerns later runs. */
import * as z from 'zod';
import { DomainError, type ErrorCode, InvalidRequest } from '#domain/errors.ts';
import { checkRows, ROW_FORMATS } from '#domain/rows.ts';
import type { UploadLink } from '#ports/inputs.ts';
import type { Ports } from '#ports/ports.ts';
import type { Page } from './list-runs.ts';

export const STORED_KINDS = ['session', 'trajectory', 'dataset'] as const;
export type StoredKind = (typeof STORED_KINDS)[number];

const NOT_FOUND: Readonly<Record<StoredKind, ErrorCode>> = {
  session: 'session_not_found',
  trajectory: 'trajectory_not_found',
  dataset: 'dataset_not_found',
};
const collectionOf = (kind: StoredKind): string => `stored-${kind}`;

const storedSchema = z.object({
  rows: z.int().nullable(),
  format: z.enum(ROW_FORMATS).nullable(),
  sizeBytes: z.int().nullable(),
  sha256: z.string().nullable(),
  uri: z.string().nullable().meta({ description: 'where the rows lie, for what is too large to be stored here' }),
  storedAt: z.string(),
});
export interface StoredRows extends z.infer<typeof storedSchema> {
  readonly kind: StoredKind;
  readonly id: string;
}

export interface StoreOutcome {
  readonly stored: StoredRows;
  /** false: something of that name was replaced */
  readonly isNew: boolean;
}

/** @param content JSON Lines. @throws InvalidRequest naming each bad line */
export async function storeRows(ports: Ports, kind: StoredKind, id: string, content: string): Promise<StoreOutcome> {
  const { rows, format, problems } = checkRows(content);
  if (problems.length > 0) throw new InvalidRequest(problems);
  const { sha256, sizeBytes } = await ports.contents.put(content);
  return put(ports, kind, id, { rows: rows.length, format, sizeBytes, sha256, uri: null });
}

/** What is checked of an upload here; the trainer checks all of it before it trains. */
const CHECKED_BYTES = 4 * 1_048_576;

/** A link to put rows by that are too large for a request, and whether they lie here already. */
export async function openUpload(ports: Ports, sha256: string, sizeBytes: number): Promise<{ link: UploadLink; isStored: boolean }> {
  const stored = await ports.contents.getStart(sha256, 0);
  return { link: await ports.contents.openUpload(sha256, sizeBytes), isStored: stored !== null };
}

/** Rows that were put by a link. @throws InvalidRequest where nothing was, or its first rows are bad */
export async function storeUploaded(ports: Ports, kind: StoredKind, id: string, sha256: string): Promise<StoreOutcome> {
  const found = await ports.contents.getStart(sha256, CHECKED_BYTES);
  if (found === null) throw new InvalidRequest([{ path: 'sha256', message: `nothing was uploaded with SHA-256 ${sha256}` }]);
  const isWhole = found.start.length === found.sizeBytes;
  const text = isWhole ? found.start : found.start.subarray(0, found.start.lastIndexOf(0x0a) + 1);
  if (!isWhole && text.length === 0) throw new InvalidRequest([{ path: 'line 1', message: `must be at most ${CHECKED_BYTES} bytes` }]);
  const { rows, format, problems } = checkRows(text.toString('utf8'));
  if (problems.length > 0) throw new InvalidRequest(problems);
  return put(ports, kind, id, { rows: isWhole ? rows.length : null, format, sizeBytes: found.sizeBytes, sha256, uri: null });
}

export function storeUri(ports: Ports, kind: StoredKind, id: string, uri: string): Promise<StoreOutcome> {
  return put(ports, kind, id, { rows: null, format: null, sizeBytes: null, sha256: null, uri });
}

async function put(
  ports: Ports,
  kind: StoredKind,
  id: string,
  facts: Omit<z.infer<typeof storedSchema>, 'storedAt'>,
): Promise<StoreOutcome> {
  const isNew = (await ports.documents.get(collectionOf(kind), id)) === null;
  const value = { ...facts, storedAt: new Date(ports.clock.now()).toISOString() };
  await ports.documents.put(collectionOf(kind), id, value);
  return { stored: { kind, id, ...value }, isNew };
}

export async function findStored(ports: Ports, kind: StoredKind, id: string): Promise<StoredRows | null> {
  const value = await ports.documents.get(collectionOf(kind), id);
  return value && { kind, id, ...storedSchema.parse(value) };
}

/** With the rows of its first 4 MB. @throws DomainError `session_not_found`, `trajectory_not_found`, `dataset_not_found` */
export async function getStored(ports: Ports, kind: StoredKind, id: string): Promise<StoredRows & { readonly content: string | null }> {
  const stored = await findStored(ports, kind, id);
  if (!stored) throw new DomainError(NOT_FOUND[kind], `no ${kind} '${id}'`);
  const found = stored.sha256 === null ? null : await ports.contents.getStart(stored.sha256, CHECKED_BYTES);
  if (found === null) return { ...stored, content: null };
  const { start, sizeBytes } = found;
  const end = start.length === sizeBytes ? sizeBytes : start.lastIndexOf(0x0a) + 1;
  return { ...stored, content: start.subarray(0, end).toString('utf8') };
}

/** By name, from the last in the alphabet down. */
export async function listStored(ports: Ports, kind: StoredKind, limit: number, after?: string): Promise<Page<StoredRows>> {
  const found = await ports.documents.list(collectionOf(kind), limit + 1, after);
  const items = found.slice(0, limit).map(({ id, value }) => ({ kind, id, ...storedSchema.parse(value) }));
  return { items, next: found.length > limit ? (items.at(-1)?.id ?? null) : null };
}

/** What a run names as its dataset: these bytes and no later ones. */
export const datasetOf = ({ kind, id, sha256, uri }: StoredRows): string => (sha256 === null ? (uri ?? '') : `${kind}:${id}@${sha256}`);

/** Stores an example where its user has nothing of that name. */
export async function seedRows(ports: Ports, kind: StoredKind, id: string, content: string): Promise<void> {
  if ((await findStored(ports, kind, id)) === null) await storeRows(ports, kind, id, content);
}
