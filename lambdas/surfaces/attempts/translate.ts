/** Ours -> the wire of machines. Pure. */
import type * as z from 'zod';
import { attemptName } from '#domain/run-folder.ts';
import type { Admission, ClaimRequest, Renewal } from '#operations/claim-attempt.ts';
import type { StorageGrant } from '#ports';
import type { admissionResponse, claimBody, renewalResponse } from './schemas.ts';

export const fromClaim = ({ claim_id, host, pid, machine }: z.infer<typeof claimBody>): ClaimRequest => ({
  claimId: claim_id,
  host,
  pid,
  machine,
});

export const toAdmission = (admission: Admission): z.infer<typeof admissionResponse> => ({
  attempt: attemptName(admission.run.id, admission.attempt),
  run_id: admission.run.id,
  number: admission.attempt,
  claim_id: admission.claimId,
  session_token: admission.sessionToken,
  folder: admission.folder,
  environment: { ...admission.environment },
  storage: toStorage(admission.storage),
  deadline: admission.deadline,
});

export const toRenewal = ({ run, attempt, storage }: Renewal): z.infer<typeof renewalResponse> => ({
  attempt: attemptName(run.id, attempt),
  storage: toStorage(storage),
});

const toStorage = (grant: StorageGrant | null): z.infer<typeof renewalResponse>['storage'] =>
  grant && {
    access_key_id: grant.accessKeyId,
    secret_access_key: grant.secretAccessKey,
    session_token: grant.sessionToken,
    expires_at: grant.expiresAt,
    region: grant.region,
    endpoint: grant.endpoint,
  };
