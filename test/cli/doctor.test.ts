/** `doctor`: what it finds on this machine and at the plane, each with what to do, and never the value of a secret. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { callCommand, readAnswer } from '../support/command-line.ts';
import { freePort } from '../support/free-port.ts';
import { ScriptedPlane } from '../support/scripted-plane.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';

const TOKEN = 'canary-token-91c2';
let plane: ScriptedPlane;
let folder: { path: string; remove: () => Promise<void> };
beforeAll(async () => {
  plane = await ScriptedPlane.start({}, { TRAINER_API_TOKEN: TOKEN });
});
afterAll(() => plane.close());
beforeEach(async () => {
  folder = await makeTemporaryFolder();
});
afterEach(() => folder.remove());

const settings = async (): Promise<Record<string, string>> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: folder.path,
  PORT: String(await freePort()),
  TUNEPLANE_URL: plane.url,
  TUNEPLANE_TOKEN: TOKEN,
});
/** Findings by name. */
async function diagnose(variables: Readonly<Record<string, string>>) {
  const { code, output, errors } = await callCommand(['doctor', '--json'], { variables, workingFolder: folder.path });
  expect(output + errors).not.toContain('canary');
  const { checks } = readAnswer('doctor', output);
  return { code, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
}

test('a machine and a plane that are in order: nothing failed, every check has a finding', async () => {
  const { code, checks } = await diagnose(await settings());

  expect(code).toBe(0);
  expect(Object.keys(checks)).toEqual([
    ...['node', 'python', 'uv', 'trainer', 'gpu', 'settings', 'home', 'disk', 'data root', 'port'],
    ...['hub token', 'secrets', 'profiles', 'rented', 'plane', 'token', 'providers', 'machines'],
  ]);
  expect(checks).toMatchObject({
    node: { verdict: 'ok' },
    python: { verdict: 'ok', finding: expect.stringMatching(/^3\.1[123]\./) },
    trainer: { verdict: expect.stringMatching(/ok|warning/), finding: expect.stringMatching(/torch \S+ transformers/) },
    plane: { verdict: 'ok', finding: `${plane.url} is ready` },
    token: { verdict: 'ok' },
    providers: { finding: 'local (default)' },
    machines: { finding: expect.stringContaining('2 slots') },
  });
});

test.each<[string, Record<string, string>, string, string, RegExp, RegExp]>([
  ['a variable that cannot be used', { PORT: 'many' }, 'settings', 'failed', /PORT: must be a whole number, got 'many'/, /correct/],
  [
    'a data root that is not there',
    { TUNEPLANE_DATA_ROOT: '/nonexistent/data' },
    'data root',
    'failed',
    /\/nonexistent\/data/,
    /TUNEPLANE_DATA_ROOT/,
  ],
  [
    'a trainer that is not there',
    { TUNEPLANE_TRAINER_PYTHON: '/nonexistent/python' },
    'trainer',
    'failed',
    /\/nonexistent\/python/,
    /TUNEPLANE_TRAINER_PYTHON/,
  ],
  ['a trainer without its packages', { TUNEPLANE_TRAINER_PYTHON: '/bin/false' }, 'trainer', 'failed', /lacks torch/, /npm run setup/],
  ['no Python', { PATH: '/nonexistent' }, 'python', 'failed', /no Python 3\.11 to 3\.13/, /install/],
  ['a wrong token', { TUNEPLANE_TOKEN: 'wrong' }, 'token', 'failed', /does not take the token from TUNEPLANE_TOKEN/, /set TUNEPLANE_TOKEN/],
  [
    'a plane that is named and away',
    { TUNEPLANE_URL: 'http://127.0.0.1:1' },
    'plane',
    'failed',
    /no plane answers at http:\/\/127\.0\.0\.1:1/,
    /start one/,
  ],
  ['a profile that is not there', { TUNEPLANE_URL: '', TUNEPLANE_PROFILE: 'x' }, 'plane', 'failed', /profile 'x'/, /profiles set/],
  ['a hub token', { HF_TOKEN: 'canary-hub' }, 'hub token', 'ok', /HF_TOKEN is set/, /^$/],
])('%s', async (_, variables, name, verdict, finding, remedy) => {
  const { code, checks } = await diagnose({ ...(await settings()), ...variables });

  expect(checks[name]).toMatchObject({ verdict, finding: expect.stringMatching(finding) });
  expect(checks[name]?.remedy ?? '').toMatch(remedy);
  expect(code).toBe(verdict === 'failed' ? 1 : 0);
});

test('a secret that runs may name is told by name, and one that is not set is a fault', async () => {
  const variables = { ...(await settings()), TUNEPLANE_SECRETS: 'hf-team=TEAM_TOKEN', TEAM_TOKEN: 'canary-secret' };

  const set = await diagnose(variables);
  const unset = await diagnose({ ...variables, TEAM_TOKEN: '' });

  expect(set.checks['secrets']).toMatchObject({ verdict: 'ok', finding: 'runs may name hf-team' });
  expect(unset.checks['secrets']).toMatchObject({ verdict: 'failed', finding: expect.stringContaining('hf-team needs TEAM_TOKEN') });
});

test('a plane that nobody named and that is not up is no fault: it may be started yet', async () => {
  const { TUNEPLANE_URL: _, ...variables } = await settings();

  const { code, checks } = await diagnose(variables);

  expect(code).toBe(0);
  expect(checks['plane']).toMatchObject({ verdict: 'note', remedy: expect.stringContaining('tuneplane start') });
});

test('a port that another program holds is a fault, one that a plane holds is not', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).end('no HTTP')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = String(typeof address === 'object' && address ? address.port : 0);

  const taken = await diagnose({ ...(await settings()), PORT: port });
  const ours = await diagnose({ ...(await settings()), PORT: new URL(plane.url).port });
  server.close();

  expect(taken.checks['port']).toMatchObject({ verdict: 'failed', finding: expect.stringContaining('another program') });
  expect(ours.checks['port']).toMatchObject({ verdict: 'note', finding: expect.stringContaining('held by a plane') });
});

test('a configuration file that others may read is told', async () => {
  mkdirSync(join(folder.path, '.config', 'tuneplane'), { recursive: true });
  const file = join(folder.path, '.config', 'tuneplane', 'config.yaml');
  writeFileSync(file, 'profiles:\n  a: {url: http://127.0.0.1:1, token: canary-profile}\n');
  chmodSync(file, 0o644);

  const { checks } = await diagnose(await settings());

  expect(checks['profiles']).toMatchObject({ verdict: 'warning', remedy: `chmod 600 ${file}` });
});

test('people read marks, findings and what to do, and a sum', async () => {
  const { output } = await callCommand(['doctor'], {
    variables: { ...(await settings()), TUNEPLANE_DATA_ROOT: '/nonexistent' },
    workingFolder: folder.path,
  });

  expect(output).toMatch(/^ok {2}node +v24/m);
  expect(output).toMatch(/^NO {2}data root +there is no folder \/nonexistent\n +make it, or correct TUNEPLANE_DATA_ROOT$/m);
  expect(output).toMatch(/^\d failed$/m);
});
