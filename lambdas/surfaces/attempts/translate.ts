/** Ours -> the wire of machines. Pure. */
import type * as z from 'zod';
import { attemptName } from '#domain/run-folder.ts';
import { toAdmissionDocument, toStorageDocument } from '#operations/admission-document.ts';
import type { Admission, ClaimRequest, Renewal } from '#operations/claim-attempt.ts';
import type { admissionResponse, claimBody, renewalResponse } from './schemas.ts';

export const fromClaim = ({ claim_id, host, pid, machine }: z.infer<typeof claimBody>): ClaimRequest => ({
  claimId: claim_id,
  host,
  pid,
  machine,
});

export const toAdmission = (admission: Admission): z.infer<typeof admissionResponse> => toAdmissionDocument(admission);

export const toRenewal = ({ run, attempt, storage }: Renewal): z.infer<typeof renewalResponse> => ({
  attempt: attemptName(run.id, attempt),
  storage: toStorageDocument(storage),
});
