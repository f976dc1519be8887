/**
 * The sweep that keeps rented machines safe: what carries a label of this plane's and has no live attempt is ended, and so is the spare of
 * two. It reads the provider first and the records after, so that a machine never looks older than its record: an attempt is written
 * before its machine is asked for. Machines of anybody else's, another plane's among them, are not even looked at.
 */
import type { Run } from '#domain/run.ts';
import { attemptName, runIdOfAttempt } from '#domain/run-folder.ts';
import { isFinal } from '#domain/run-lifecycle.ts';
import type { Compute } from '#ports/compute.ts';
import type { Ports } from '#ports/ports.ts';
import type { Rental, RentedMachine } from '#ports/rental.ts';
import { readAttempt } from './advance/run-folder-files.ts';
import { deadlineOf } from './attempt-deadline.ts';
import { changeRun } from './change-run.ts';

/** One machine whose end was asked for, and why: for the log. */
export interface Reaped {
  readonly provider: string;
  readonly label: string;
  readonly reason: string;
}

export interface Sweep {
  readonly reaped: readonly Reaped[];
  /** what could not be done, by provider: the next sweep tries again */
  readonly faults: readonly { readonly provider: string; readonly error: unknown }[];
}

/** Every minute. A provider that does not answer keeps no other from being swept. */
export async function reapMachines(ports: Ports): Promise<Sweep> {
  const reaped: Reaped[] = [];
  const faults: Sweep['faults'][number][] = [];
  for (const compute of ports.compute.all()) {
    const { rental } = compute;
    if (!rental) continue;
    try {
      const owned = await rental.owned();
      for (const group of Map.groupBy(owned, ({ tag }) => tag).values()) {
        // One machine that cannot be ended keeps no other alive.
        await reapAttempt(ports, rental, group, reaped).catch((error: unknown) => faults.push({ provider: rental.provider, error }));
      }
      for (const tag of await rental.settle()) await recordBill(ports, compute, tag);
    } catch (error) {
      faults.push({ provider: rental.provider, error });
    }
  }
  return { reaped, faults };
}

/** @param machines all that were asked for on behalf of one attempt. @param reaped gets those whose end was asked for */
async function reapAttempt(ports: Ports, rental: Rental, machines: readonly RentedMachine[], reaped: Reaped[]): Promise<void> {
  const [first] = machines;
  if (first === undefined) return;
  const view = await ports.runs.get(runIdOfAttempt(first.tag));
  const reason = whyUnwanted(ports, view?.run ?? null, first);
  const unwanted =
    reason === null && view
      ? await spares(ports, rental, view.run, machines)
      : machines.map((machine) => ({ machine, reason: reason ?? '' }));
  for (const { machine, reason: why } of unwanted) {
    await rental.end(machine);
    reaped.push({ provider: machine.provider, label: machine.label, reason: why });
  }
}

/** Why nobody wants any machine of this attempt; null where it is live. */
function whyUnwanted(ports: Ports, run: Run | null, { tag, askedAt }: RentedMachine): string | null {
  if (run === null) return 'no run is recorded for it';
  if (isFinal(run.state)) return `the run is ${run.state}`;
  const { attempt } = run;
  if (attempt === null || attemptName(run.id, attempt.number) !== tag) return 'its attempt is over';
  if (attempt.endedAt !== null) return 'its attempt is over';
  const { startSeconds } = ports.settings;
  if (ports.clock.now() > deadlineOf(run, askedAt + startSeconds * 1_000)) return 'it is past its deadline';
  return null;
}

/**
 * Of several machines the one that claimed stays, else the one that is recorded, else the one asked for first: all others go. A list
 * lags, so that who is not in it may be there all the same: nobody takes its place, and where it is the one that claimed, none goes yet.
 */
async function spares(
  ports: Ports,
  rental: Rental,
  run: Run,
  machines: readonly RentedMachine[],
): Promise<{ machine: RentedMachine; reason: string }[]> {
  const { attempt } = run;
  if (attempt === null) return [];
  const { claim } = await readAttempt(ports, run, attempt.number);
  const recorded = typeof attempt.handle?.['label'] === 'string' ? attempt.handle['label'] : null;
  const wanted = claim?.machine ?? recorded ?? machines.map(({ label }) => label).sort()[0];
  if (claim?.machine && wanted !== recorded && attempt.handle !== null) {
    const claimed = machines.find(({ label }) => label === wanted);
    if (claimed === undefined) return [];
    await adopt(ports, rental, run, attempt.number, claimed);
  }
  return machines.filter(({ label }) => label !== wanted).map((machine) => ({ machine, reason: `${wanted} has the attempt` }));
}

/** The machine that trains is another one than the record says: the record is put right before the other one goes. */
async function adopt(ports: Ports, rental: Rental, run: Run, number: number, machine: RentedMachine): Promise<void> {
  const handle = await rental.handleOf(machine);
  await changeRun(ports, run.id, (draft) => {
    const { attempt } = draft.run;
    if (attempt?.number !== number || attempt.endedAt !== null || attempt.handle === null) return;
    attempt.handle = handle;
    draft.note('warning-raised', { message: `${machine.label} has claimed the attempt`, code: 'spare_machine', data: { handle } });
  });
}

/** A bill that became final, or grew because a spare went later: the attempt's record says the same as the ledger. */
async function recordBill(ports: Ports, { rental }: Compute, tag: string): Promise<void> {
  if (!rental) return;
  const runId = runIdOfAttempt(tag);
  if ((await ports.runs.get(runId)) === null) return; // deleted: the ledger alone keeps it
  const bill = await rental.bill(tag);
  const usd = Math.round(bill.usd * 10_000) / 10_000;
  const spentGpuSeconds = Math.round(bill.gpuSeconds * 10) / 10;
  await changeRun(ports, runId, (draft) => {
    const past = draft.run.pastAttempts.find(({ number }) => attemptName(runId, number) === tag);
    if (past === undefined || (past.usd === usd && past.spentGpuSeconds === spentGpuSeconds)) return;
    past.usd = usd;
    past.spentGpuSeconds = spentGpuSeconds;
    past.usefulGpuSeconds = Math.min(past.usefulGpuSeconds, spentGpuSeconds);
    draft.note('attempt-billed', {
      message: `attempt ${past.number} cost ${usd.toFixed(2)} USD: ${bill.seconds} s on ${bill.machines} machine${bill.machines === 1 ? '' : 's'}`,
      data: {
        attempt: past.number,
        usd,
        seconds: bill.seconds,
        gpuSeconds: bill.gpuSeconds,
        machines: bill.machines,
        isFinal: bill.isFinal,
      },
    });
  });
}
