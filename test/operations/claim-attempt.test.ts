/** The door through which machines beyond the plane's process come to their work. */
import { beforeEach, describe, expect, test } from 'vitest';
import { attemptName } from '#domain/run-folder.ts';
import { type ClaimRequest, claimAttempt, renewGrant } from '#operations/claim-attempt.ts';
import { stopRun } from '#operations/stop-run.ts';
import type { StorageGrant } from '#ports/secrets.ts';
import { MemoryPlane } from '../support/memory-plane.ts';

const GRANT: StorageGrant = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'secret',
  sessionToken: 'token',
  expiresAt: '2026-01-01T01:00:00.000Z',
  region: 'eu-central-1',
  endpoint: null,
};

let plane: MemoryPlane;
beforeEach(() => {
  plane = new MemoryPlane();
  plane.compute.heartbeat = 'reports';
});

const aMachine = (letter = 'a'): ClaimRequest => ({
  claimId: `claim_${letter.repeat(32)}`,
  host: 'rented',
  pid: 7,
  machine: `label-${letter}`,
});

async function aLaunchedRun(overrides: Parameters<MemoryPlane['create']>[0] = {}): Promise<{ id: string; name: string; token: string }> {
  const id = await plane.create(overrides);
  await plane.settle(id);
  const order = plane.compute.launches.at(-1);
  const { TUNEPLANE_BOOTSTRAP_TOKEN: token = '' } = (await order?.invite()) ?? {};
  return { id, name: attemptName(id, 1), token };
}

test('a machine is told where to claim, and nothing that is worth stealing', async () => {
  const id = await plane.create({ env: { HF_TOKEN: 'hf_canary_value' } });
  await plane.settle(id);

  const told = await plane.compute.launches[0]?.invite();

  expect(Object.keys(told ?? {}).sort()).toEqual([
    'TUNEPLANE_ATTEMPT',
    'TUNEPLANE_BOOTSTRAP_TOKEN',
    'TUNEPLANE_CLAIM_URL',
    'TUNEPLANE_DEADLINE',
    'TUNEPLANE_RUN_ID',
  ]);
  expect(told?.['TUNEPLANE_CLAIM_URL']).toBe(`https://plane.example/attempts/${id}-0001/claim`);
  expect(JSON.stringify(told)).not.toContain('canary');
});

test('the claim gives the folder, the values, credentials and a deadline, and is in the folder as any claim is', async () => {
  const { id, name, token } = await aLaunchedRun({ env: { HF_TOKEN: 'hf_canary_value' }, maxRuntimeSeconds: 7_200 });
  plane.grant = GRANT;

  const admission = await claimAttempt(plane.ports, name, token, aMachine());
  await plane.settle(id);

  expect(admission).toMatchObject({
    folder: `/memory/runs/${id}/framework=hf`,
    environment: { HF_TOKEN: 'hf_canary_value' },
    storage: GRANT,
    deadline: '2026-01-01T03:00:00.000Z', // 2 h of training and an hour's grace
  });
  expect(plane.nudged).toContain(id);
  expect(await plane.run(id)).toMatchObject({ attempt: { claimId: `claim_${'a'.repeat(32)}` } });
});

test('of 20 machines that claim at once one wins, and all others are told that it is taken', async () => {
  const { name, token } = await aLaunchedRun();
  const machines = Array.from({ length: 20 }, (_, index) => aMachine(String.fromCharCode(97 + index)));

  const answers = await Promise.allSettled(machines.map((machine) => claimAttempt(plane.ports, name, token, machine)));

  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toMatchObject({ code: 'name_taken' });
});

test('the winner may ask again, because an answer can be lost: the same answer, with the credentials of now', async () => {
  const { name, token } = await aLaunchedRun();
  plane.grant = GRANT;
  const first = await claimAttempt(plane.ports, name, token, aMachine());
  plane.now += 600_000;
  plane.grant = { ...GRANT, expiresAt: '2026-01-01T01:10:00.000Z' };

  const again = await claimAttempt(plane.ports, name, token, aMachine());

  expect(again).toMatchObject({ sessionToken: first.sessionToken, folder: first.folder, deadline: first.deadline });
  expect(again.storage?.expiresAt).toBe('2026-01-01T01:10:00.000Z');
});

describe('a claim is refused', () => {
  test('with any token but the bootstrap token of this attempt', async () => {
    const { id, name } = await aLaunchedRun();
    const { machineTokens } = plane.ports;
    const wrong = [
      await machineTokens.issue('bootstrap', attemptName(id, 2)),
      await machineTokens.issue('session', name),
      await machineTokens.issue('worker', name),
      'nonsense',
    ];

    for (const token of wrong)
      await expect(claimAttempt(plane.ports, name, token, aMachine())).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('once the attempt is over', async () => {
    const { id, name, token } = await aLaunchedRun();
    plane.setLiveness(id, 1, 'gone');
    await plane.settle(id);

    await expect(claimAttempt(plane.ports, name, token, aMachine())).rejects.toMatchObject({ code: 'transition_refused' });
  });

  test('where the plane took the attempt back before any machine came', async () => {
    const id = await plane.create();
    plane.compute.onLaunch = () => {
      throw new Error('the plane dies here');
    };
    await expect(plane.settle(id)).rejects.toThrow('dies here');
    await stopRun(plane.ports, id);
    await plane.settle(id);
    const token = await plane.ports.machineTokens.issue('bootstrap', attemptName(id, 1));

    await expect(claimAttempt(plane.ports, attemptName(id, 1), token, aMachine())).rejects.toMatchObject({ code: 'transition_refused' });
  });

  test('for a run that is not there, and an attempt that it does not have', async () => {
    const { id } = await aLaunchedRun();

    for (const name of [attemptName('run_01kb8q6m2jf3ztv1n8a5d4c9xe', 1), attemptName(id, 2)]) {
      const token = await plane.ports.machineTokens.issue('bootstrap', name);
      await expect(claimAttempt(plane.ports, name, token, aMachine())).rejects.toMatchObject({ code: 'run_not_found' });
    }
  });
});

describe('a renewal', () => {
  test('gives fresh credentials to the machine that has the attempt', async () => {
    const { name, token } = await aLaunchedRun();
    const { sessionToken } = await claimAttempt(plane.ports, name, token, aMachine());
    plane.grant = GRANT;

    expect((await renewGrant(plane.ports, name, sessionToken)).storage).toEqual(GRANT);
  });

  test('is refused with the bootstrap token, and with the session of another attempt', async () => {
    const { id, name, token } = await aLaunchedRun();
    const other = await plane.ports.machineTokens.issue('session', `${attemptName(id, 2)}/claim_x`);

    for (const wrong of [token, other, ''])
      await expect(renewGrant(plane.ports, name, wrong)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  test('is refused once the attempt is over, so that a machine thought lost ends', async () => {
    const { id, name, token } = await aLaunchedRun();
    const { sessionToken } = await claimAttempt(plane.ports, name, token, aMachine());
    plane.setLiveness(id, 1, 'gone');
    await plane.settle(id);

    await expect(renewGrant(plane.ports, name, sessionToken)).rejects.toMatchObject({ code: 'transition_refused' });
  });
});
