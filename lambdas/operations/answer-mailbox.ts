/**
 * The plane's side of the mailbox, looked at with every poll of a rented machine: a claim is answered as one that came over HTTP would be,
 * and what expires is sealed anew at half of its life. A claim without proof is nobody's, and left lying.
 */
import { isProven, type MailboxAnswer, mailboxAnswerSchema, mailboxClaimSchema, sealAnswer } from '#domain/mailbox.ts';
import type { Run } from '#domain/run.ts';
import { attemptName, runFolderKeys } from '#domain/run-folder.ts';
import type { Ports } from '#ports/ports.ts';
import { toAdmissionDocument } from './admission-document.ts';
import { inFolder, parseWith } from './advance/run-folder-files.ts';
import { claimAttempt } from './claim-attempt.ts';

/** @throws DomainError where the attempt was over, or another's, before the claim was answered: the next look sees it */
export async function answerMailbox(ports: Ports, run: Run): Promise<void> {
  const { mailboxes, artifacts, machineTokens, clock } = ports;
  if (!mailboxes || run.attempt === null || run.attempt.endedAt !== null || !ports.compute.of(run.provider).rental) return;
  const { number } = run.attempt;
  const name = attemptName(run.id, number);
  const answerKey = inFolder(run, runFolderKeys.mailboxAnswer(run.id, number));
  const answered = parseWith(mailboxAnswerSchema, await artifacts.get(answerKey));
  if (answered && !isHalfOver(answered, clock.now())) return;
  const claim = parseWith(mailboxClaimSchema, await artifacts.get(inFolder(run, runFolderKeys.mailboxClaim(run.id, number))));
  const bootstrapToken = await machineTokens.issue('bootstrap', name);
  if (claim === null || !isProven(claim, name, bootstrapToken)) return;
  const { claimId, host, pid, machine } = claim;
  const admission = await claimAttempt(ports, name, bootstrapToken, { claimId, host, pid, machine });
  const issuedAt = clock.now();
  // A link ends a week after it was signed; a machine that works longer reads by the newest one.
  const content = { ...toAdmissionDocument(admission), answer: await mailboxes.get(answerKey) };
  const expiresAt = admission.storage === null ? issuedAt : Date.parse(admission.storage.expiresAt);
  await artifacts.put(answerKey, JSON.stringify(sealAnswer(content, { attempt: name, bootstrapToken, claim, issuedAt, expiresAt })));
}

const isHalfOver = ({ issuedAt, expiresAt }: MailboxAnswer, now: number): boolean => now - issuedAt > (expiresAt - issuedAt) / 2;
