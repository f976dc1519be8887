import * as z from 'zod';
import { DomainError } from '#domain/errors.ts';
import { makeId } from '#domain/ids.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import type { Page } from './list-runs.ts';

const COLLECTION = 'sft-configs';

const savedConfigSchema = z.object({ name: z.string(), config: z.record(z.string(), z.unknown()), savedAt: z.string() });
export interface SavedConfig extends z.infer<typeof savedConfigSchema> {
  readonly id: string;
}

export async function saveConfig(
  ports: Ports,
  name: string,
  config: Readonly<Record<string, unknown>>,
  remember?: (saved: SavedConfig) => Remembered | undefined,
): Promise<SavedConfig> {
  const now = ports.clock.now();
  const saved: SavedConfig = { id: makeId('config', now), name, config: { ...config }, savedAt: new Date(now).toISOString() };
  const { id, ...value } = saved;
  await ports.documents.put(COLLECTION, id, value, remember?.(saved));
  return saved;
}

/** @throws DomainError `config_not_found` */
export async function getConfig(ports: Ports, id: string): Promise<SavedConfig> {
  const value = await ports.documents.get(COLLECTION, id);
  if (!value) throw new DomainError('config_not_found', `no saved config '${id}'`, { configId: id });
  return { id, ...savedConfigSchema.parse(value) };
}

/** Newest first. */
export async function listConfigs(ports: Ports, limit: number, after?: string): Promise<Page<SavedConfig>> {
  const rows = await ports.documents.list(COLLECTION, limit + 1, after);
  const items = rows.slice(0, limit).map(({ id, value }) => ({ id, ...savedConfigSchema.parse(value) }));
  return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
}
