/** Settings from the environment: defaults, and every fault in one message. */
import { expect, test } from 'vitest';
import { readEnvironment } from '#local/environment.ts';

const read = (variables: Readonly<Record<string, string>>) => readEnvironment(variables, '/work');

test('needs nothing', () => {
  expect(read({})).toMatchObject({ port: 8_000, home: '/work/.tuneplane', dataRoot: '/work', token: null, secrets: {} });
});

test('every variable that is wrong is told at once, with its value', () => {
  expect(() => read({ PORT: 'many', TUNEPLANE_MAX_RUNS: '-1' })).toThrow(
    /PORT: must be a whole number, got 'many'\nTUNEPLANE_MAX_RUNS: .*got '-1'/,
  );
});

test('secrets that runs may name are variables of the plane, by names of their own', () => {
  expect(read({ TUNEPLANE_SECRETS: 'hf-team=HF_TEAM, wandb=KEY', HF_TEAM: 'hf_x', KEY: 'k' }).secrets).toEqual({
    'hf-team': 'hf_x',
    wandb: 'k',
  });
});

test.each([
  ['names a variable that is not set', 'hf-team=HF_TEAM', 'TUNEPLANE_SECRETS: HF_TEAM is not set'],
  ['is no list', 'hf-team', "TUNEPLANE_SECRETS: must be name=variable, name=variable ..., got 'hf-team'"],
])('a list of secrets that %s ends the start', (_, list, message) => {
  expect(() => read({ TUNEPLANE_SECRETS: list })).toThrow(message);
});
