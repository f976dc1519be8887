/** Ours -> the wire of datasets, providers and machines. Pure. */
import * as z from 'zod';
import { runIdOfAttempt } from '#domain/run-folder.ts';
import type { ProviderStatus } from '#operations/list-machines.ts';
import type { Page } from '#operations/list-runs.ts';
import type { StoredRows } from '#operations/stored-rows.ts';
import type { Machine } from '#ports/compute.ts';
import type { UploadLink } from '#ports/inputs.ts';
import type * as wire from './place-schemas.ts';

export const toJsonLines = (body: string | readonly Readonly<Record<string, unknown>>[]): string =>
  typeof body === 'string' ? body : body.map((row) => `${JSON.stringify(row)}\n`).join('');

export const toDataset = ({ id, rows, format, sizeBytes, sha256, storedAt }: StoredRows): z.infer<typeof wire.datasetResponse> => ({
  name: id,
  uri: `dataset:${id}`,
  rows,
  format,
  size_bytes: sizeBytes,
  sha256,
  stored_at: storedAt,
});

export const toDatasets = ({ items, next }: Page<StoredRows>): z.infer<typeof wire.datasetListResponse> => ({
  items: items.map(toDataset),
  next,
});

export const toUpload = ({
  link,
  isStored,
}: {
  readonly link: UploadLink;
  readonly isStored: boolean;
}): z.infer<typeof wire.uploadResponse> => ({
  upload_url: link.url,
  method: link.method,
  headers: { ...link.headers },
  expires_at: link.expiresAt,
  stored: isStored,
});

const rowSchema = z.record(z.string(), z.unknown());

export const toPreview = (
  stored: StoredRows & { readonly content: string | null },
  limit: number,
): z.infer<typeof wire.datasetPreviewResponse> => ({
  ...toDataset(stored),
  items: (stored.content ?? '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, limit)
    .map((line) => rowSchema.parse(JSON.parse(line))),
});

export const toProviders = (providers: readonly ProviderStatus[]): z.infer<typeof wire.providerListResponse> => ({
  items: providers.map(({ name, isConfigured, isDefault, remedy }) => ({ name, configured: isConfigured, default: isDefault, remedy })),
});

export const toWorkers = (machines: readonly Machine[]): z.infer<typeof wire.workerListResponse> => ({
  items: machines.map(({ name, provider, slots, busy, waiting, gpus, engines, memoryGb, bases, seenAt, isAway }) => ({
    name,
    provider,
    slots,
    busy: busy.map(runIdOfAttempt),
    waiting: waiting.map(runIdOfAttempt),
    gpus: gpus.map((gpu) => ({
      index: gpu.index,
      held_by: gpu.heldBy === null ? null : runIdOfAttempt(gpu.heldBy),
      name: gpu.name ?? null,
      memory_gb: gpu.memoryGb ?? null,
    })),
    engines: [...engines],
    memory_gb: memoryGb ?? null,
    bases: [...(bases ?? [])],
    seen_at: seenAt === undefined ? null : new Date(seenAt).toISOString(),
    away: isAway ?? false,
  })),
});
