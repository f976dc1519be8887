/**
 * The one door through which a machine beyond the plane's process comes to its work. Whoever writes claim.json first has the attempt; the
 * plane writes it in the machine's name, so the rule is the one that local trainers follow. The winner may ask again as often as it
 * likes: the same claim id gets the same answer (with fresh storage credentials), because an answer can be lost on the way.
 */
import { DomainError } from '#domain/errors.ts';
import type { Run } from '#domain/run.ts';
import { attemptName, type Claim, runFolderKeys, runIdOfAttempt } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Ports } from '#ports/ports.ts';
import type { StorageGrant } from '#ports/secrets.ts';
import { inFolder, readAttempt } from './advance/run-folder-files.ts';
import { deadlineOf } from './attempt-deadline.ts';
import { openVariables } from './run-environment.ts';

export interface ClaimRequest {
  /** drawn by the machine, at random: who has it is the machine that claimed */
  readonly claimId: string;
  readonly host: string;
  readonly pid: number;
  /** its label, where the plane asked a provider for it */
  readonly machine: string | null;
}

/** What a claim opens. */
export interface Admission {
  readonly run: Run;
  readonly attempt: number;
  readonly claimId: string;
  readonly sessionToken: string;
  /** where the run folder is: an absolute path or an s3:// URI */
  readonly folder: string;
  /** the run's own variables and secrets */
  readonly environment: Readonly<Record<string, string>>;
  readonly storage: StorageGrant | null;
  /** ISO 8601: when the machine ends its attempt by itself */
  readonly deadline: string;
}

/**
 * @param name of the attempt, `run_...-0001`
 * @param token its bootstrap token
 * @throws DomainError `unauthorized`; `run_not_found`; `transition_refused` where the attempt is over; `name_taken` where another machine has it
 */
export async function claimAttempt(ports: Ports, name: string, token: string, request: ClaimRequest): Promise<Admission> {
  if ((await ports.machineTokens.subjectOf('bootstrap', token)) !== name)
    throw new DomainError('unauthorized', 'the token is not the bootstrap token of this attempt');
  const { run, attempt } = await findOpenAttempt(ports, name);
  const claim: Claim = {
    schema: 1,
    runId: run.id,
    attempt,
    ...request,
    claimedAt: new Date(ports.clock.now()).toISOString(),
  };
  const isFirst = await ports.artifacts.putIfAbsent(inFolder(run, runFolderKeys.claim(run.id, attempt)), JSON.stringify(claim));
  const winner = isFirst ? claim : (await readAttempt(ports, run, attempt)).claim;
  if (winner?.claimId !== request.claimId) throw new DomainError('name_taken', `attempt '${name}' is claimed by another machine`);
  if (isFirst) await ports.workflow.nudge(run.id);
  return {
    run,
    attempt,
    claimId: winner.claimId,
    sessionToken: await ports.machineTokens.issue('session', sessionOf(name, winner.claimId)),
    folder: ports.artifacts.locate(run.folder),
    environment: await openVariables(ports, run),
    storage: await ports.storageGrants.for(run, attempt),
    deadline: new Date(deadlineOf(run, Date.parse(winner.claimedAt))).toISOString(),
  };
}

export type Renewal = Pick<Admission, 'run' | 'attempt' | 'storage'>;

/**
 * Fresh storage credentials for the machine that has the attempt.
 * @param token its session token
 * @throws DomainError `unauthorized`; `run_not_found`; `transition_refused` where the attempt is over: the trainer then ends as superseded
 */
export async function renewGrant(ports: Ports, name: string, token: string): Promise<Renewal> {
  const session = await ports.machineTokens.subjectOf('session', token);
  if (session === null || nameOfSession(session) !== name)
    throw new DomainError('unauthorized', 'the token is not a session token of this attempt');
  const { run, attempt } = await findOpenAttempt(ports, name);
  return { run, attempt, storage: await ports.storageGrants.for(run, attempt) };
}

/** @throws DomainError `run_not_found`; `transition_refused` */
async function findOpenAttempt(ports: Ports, name: string): Promise<{ run: Run; attempt: number }> {
  const view = await ports.runs.get(runIdOfAttempt(name));
  const run = view?.run;
  const number = run?.attempt?.number ?? 0;
  if (!run || !isNamed(run, number, name)) throw new DomainError('run_not_found', `no attempt '${name}'`);
  if (name !== attemptName(run.id, number) || run.attempt === null || run.attempt.endedAt !== null || isFinal(run.state))
    throw new DomainError('transition_refused', `attempt '${name}' is over`, { runId: run.id, state: run.state });
  return { run, attempt: number };
}

/** An attempt that this run has, or has had. */
function isNamed(run: Run, newest: number, name: string): boolean {
  const number = Number(name.slice(name.lastIndexOf('-') + 1));
  return Number.isInteger(number) && number >= 1 && number <= newest && attemptName(run.id, number) === name;
}

const sessionOf = (name: string, claimId: string): string => `${name}/${claimId}`;
const nameOfSession = (session: string): string => session.slice(0, session.indexOf('/'));
