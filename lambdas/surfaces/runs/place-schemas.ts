/** The wire of what a plane has beside its runs: datasets, providers, machines. */
import * as z from 'zod';
import { CLIENT_NAME } from '#domain/ids.ts';
import { PROVIDERS } from '#domain/providers.ts';
import { ROW_FORMATS, SOME_TEXT } from '#domain/rows.ts';
import { wholeNumber } from '#http/whole-number.ts';

export const datasetParams = z.object({ name: z.string().regex(CLIENT_NAME) });
const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'SHA-256 of the file, hexadecimal' });
/** JSON Lines as text, rows as JSON, or what was uploaded. */
export const datasetBody = z.union([
  z.string().meta({ description: 'JSON Lines, a row a line, all of one format', pattern: SOME_TEXT }),
  z.array(z.record(z.string(), z.unknown())).min(1).meta({ description: 'the rows' }),
  z.strictObject({ sha256 }).meta({ description: 'what was uploaded by a link' }),
]);
/** 4 GiB: one PUT with one checksum. */
const MAX_UPLOAD_BYTES = 4 * 1_024 ** 3;
export const uploadRequest = z
  .strictObject({ size_bytes: z.int().min(1).max(MAX_UPLOAD_BYTES), sha256 })
  .meta({ id: 'DatasetUploadRequest' });
export const uploadResponse = z
  .object({
    upload_url: z.string().meta({ description: 'takes these bytes and no others, without a token' }),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()).meta({ description: 'to be sent as they stand' }),
    expires_at: z.string(),
    stored: z.boolean().meta({ description: 'these bytes lie here already: nothing needs to be sent' }),
  })
  .meta({ id: 'DatasetUpload' });
export const previewQuery = z.object({ limit: wholeNumber(z.int().min(1).max(100).default(10)) });

const datasetShape = {
  name: z.string(),
  uri: z.string().meta({ description: 'what a request names it as', examples: ['dataset:poems'] }),
  rows: z.int().nullable(),
  format: z.enum(ROW_FORMATS).nullable(),
  size_bytes: z.int().nullable(),
  sha256: z.string().nullable(),
  stored_at: z.string().meta({ description: 'ISO 8601, UTC' }),
} as const;
export const datasetResponse = z.object(datasetShape).meta({ id: 'Dataset' });
export const datasetListResponse = z.object({ items: z.array(datasetResponse), next: z.string().nullable() }).meta({ id: 'DatasetList' });
export const datasetPreviewResponse = z
  .object({ ...datasetShape, items: z.array(z.record(z.string(), z.unknown())).meta({ description: 'the first rows' }) })
  .meta({ id: 'DatasetPreview' });

export const providerListResponse = z
  .object({
    items: z.array(
      z.object({
        name: z.enum(PROVIDERS),
        configured: z.boolean(),
        default: z.boolean().meta({ description: 'where a run goes that names none' }),
        remedy: z.string().nullable().meta({ description: 'what it needs to be there' }),
      }),
    ),
  })
  .meta({ id: 'Providers' });

export const workerListResponse = z
  .object({
    items: z.array(
      z.object({
        name: z.string(),
        provider: z.string(),
        slots: z.int().meta({ description: 'how many runs at once' }),
        busy: z.array(z.string()).meta({ description: 'runs that hold a slot' }),
        waiting: z.array(z.string()).meta({ description: 'runs that wait for one, the oldest first' }),
        gpus: z.array(
          z.object({
            index: z.int(),
            held_by: z.string().nullable(),
            name: z.string().nullable().meta({ description: 'as its maker calls it, where it is known' }),
            memory_gb: z.number().nullable(),
          }),
        ),
        engines: z.array(z.string()).meta({ description: 'frameworks that it can train with' }),
        memory_gb: z.number().nullable().meta({ description: "the machine's own memory, where a worker says it" }),
        bases: z.array(z.string()).meta({ description: "base models that lie in a worker's cache" }),
        seen_at: z.string().nullable().meta({ description: 'when a worker spoke last; null: a machine that the plane sees all the time' }),
        away: z.boolean().meta({ description: 'it has not spoken for so long that it gets nothing' }),
      }),
    ),
  })
  .meta({ id: 'Workers' });
