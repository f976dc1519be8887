/** The wire between the plane and the machines that it does not start itself. Snake case like the rest. */
import * as z from 'zod';
import { CLIENT_NAME } from '#domain/ids.ts';

export const attemptParams = z.object({
  attempt: z.string().regex(CLIENT_NAME).meta({ description: "the attempt's name", example: 'run_01kb8q6m2jf3ztv1n8a5d4c9xe-0001' }),
});

export const claimBody = z.strictObject({
  claim_id: z
    .string()
    .regex(/^claim_[0-9a-z]{16,64}$/)
    .meta({ description: 'drawn by the machine, at random; the same one again gets the same answer' }),
  host: z.string().max(255),
  pid: z.int().min(0),
  machine: z.string().max(255).nullable().default(null).meta({ description: 'the label that the plane gave the machine, if it did' }),
});

const time = z.string().meta({ description: 'ISO 8601, UTC' });

const storageResponse = z
  .object({
    access_key_id: z.string(),
    secret_access_key: z.string(),
    session_token: z.string(),
    expires_at: time,
    region: z.string(),
    endpoint: z.string().nullable(),
  })
  .meta({ id: 'StorageGrant', description: 'good for an hour, and for what this attempt needs' });

export const admissionResponse = z
  .object({
    attempt: z.string(),
    run_id: z.string(),
    number: z.int(),
    claim_id: z.string(),
    session_token: z.string().meta({ description: 'renews the storage grant; kept in memory only' }),
    folder: z.string().meta({ description: 'the run folder: a path, or an s3:// URI' }),
    environment: z.record(z.string(), z.string()).meta({ description: "the run's own variables and secrets" }),
    storage: storageResponse.nullable().meta({ description: 'null where the folder is a path' }),
    deadline: time.meta({ description: 'when the machine ends its attempt by itself' }),
  })
  .meta({ id: 'Admission' });

export const renewalResponse = z.object({ attempt: z.string(), storage: storageResponse.nullable() }).meta({ id: 'Renewal' });
