/** What a claim opens, as machines read it: over HTTP, and sealed in a mailbox. Snake case like every wire. */
import { attemptName } from '#domain/run-folder.ts';
import type { StorageGrant } from '#ports/secrets.ts';
import type { Admission } from './claim-attempt.ts';

export const toAdmissionDocument = (admission: Admission) => ({
  attempt: attemptName(admission.run.id, admission.attempt),
  run_id: admission.run.id,
  number: admission.attempt,
  claim_id: admission.claimId,
  session_token: admission.sessionToken,
  folder: admission.folder,
  environment: { ...admission.environment },
  storage: toStorageDocument(admission.storage),
  deadline: admission.deadline,
});

export const toStorageDocument = (grant: StorageGrant | null) =>
  grant && {
    access_key_id: grant.accessKeyId,
    secret_access_key: grant.secretAccessKey,
    session_token: grant.sessionToken,
    expires_at: grant.expiresAt,
    region: grant.region,
    endpoint: grant.endpoint,
  };
