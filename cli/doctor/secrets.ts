/** Tokens and secrets: whether they are there, and who else may read them. Never what they are. */
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readProfiles } from '../settings/profiles.ts';
import type { World } from '../world.ts';
import type { Check, Finding } from './check.ts';
import { failed, note, ok, warning } from './check.ts';

type Variables = World['variables'];

export const checkSecrets: Check = {
  name: 'secrets',
  find: async ({ variables }) => [await checkHubToken(variables), checkNamedSecrets(variables), await checkConfigFile(variables)],
};

/** Source: huggingface_hub's "environment variables" page: HF_TOKEN, else the file that `hf auth login` writes. */
async function checkHubToken(variables: Variables): Promise<Finding> {
  if (variables['HF_TOKEN']) return ok('hub token', 'HF_TOKEN is set; the trainer gets it');
  const home = variables['HF_HOME'] || join(variables['XDG_CACHE_HOME'] || join(variables['HOME'] ?? homedir(), '.cache'), 'huggingface');
  const file = variables['HF_TOKEN_PATH'] || join(home, 'token');
  const isThere = (await stat(file).catch(() => null)) !== null;
  if (isThere)
    return note(
      'hub token',
      `${file} is there, but HF_TOKEN is not set`,
      'runs do not read that file: export HF_TOKEN before the plane starts',
    );
  return note(
    'hub token',
    'HF_TOKEN is not set',
    'only gated and private models need it; runs may also bring their own (train --env HF_TOKEN)',
  );
}

function checkNamedSecrets(variables: Variables): Finding {
  const pairs = (variables['TUNEPLANE_SECRETS'] ?? '').split(',').flatMap((pair) => {
    const [name, variable] = pair.trim().split('=');
    return name && variable ? [{ name, variable }] : [];
  });
  if (pairs.length === 0)
    return note('secrets', 'no secret is allowed to be named by runs', 'TUNEPLANE_SECRETS="hf-team=HF_TEAM_TOKEN" allows one');
  const unset = pairs.filter(({ variable }) => !variables[variable]);
  if (unset.length === 0) return ok('secrets', `runs may name ${pairs.map(({ name }) => name).join(', ')}`);
  return failed(
    'secrets',
    `${unset.map(({ name, variable }) => `${name} needs ${variable}`).join(', ')}, not set here`,
    'set them, or take them out of TUNEPLANE_SECRETS',
  );
}

async function checkConfigFile(variables: Variables): Promise<Finding> {
  try {
    const { file, profiles, current } = await readProfiles(variables);
    const found = await stat(file).catch(() => null);
    if (found === null) return note('profiles', `no ${file}: one plane is all there is`);
    const names = Object.keys(profiles);
    if ((found.mode & 0o077) !== 0) return warning('profiles', `${file} holds tokens, and others may read it`, `chmod 600 ${file}`);
    return ok('profiles', `${names.length > 0 ? names.join(', ') : 'none'} in ${file}${current === null ? '' : `; current: ${current}`}`);
  } catch (error) {
    return failed('profiles', error instanceof Error ? error.message : String(error), 'correct the file, or move it away');
  }
}
