/** Planes by name, in `$XDG_CONFIG_HOME/tuneplane/config.yaml` (else `~/.config`), which only its owner may read: it holds tokens. */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandFailure, usageFailure } from '../exit-code.ts';
import type { World } from '../world.ts';

export interface Profile {
  readonly name?: string;
  readonly url: string;
  readonly token?: string | undefined;
}

export interface Profiles {
  readonly file: string;
  /** the one that counts where none is named */
  readonly current: string | null;
  readonly profiles: Readonly<Record<string, Profile>>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Source: XDG Base Directory Specification 0.8; a relative path in it is to be ignored. */
export function profilesFile(variables: World['variables']): string {
  const given = variables['XDG_CONFIG_HOME'];
  const folder = given?.startsWith('/') ? given : join(variables['HOME'] ?? homedir(), '.config');
  return join(folder, 'tuneplane', 'config.yaml');
}

/** @throws CommandFailure naming what is wrong with the file */
export async function readProfiles(variables: World['variables']): Promise<Profiles> {
  const file = profilesFile(variables);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new CommandFailure('config_unreadable', `${file} cannot be read: ${error.message}`);
  });
  if (text === null) return { file, current: null, profiles: {} };
  const { parseProfiles } = await import('./profiles-file.ts');
  return { file, ...parseProfiles(file, text) };
}

/** @param said who names it, for the sentence. @throws CommandFailure where there is none of that name */
export function requireProfile({ file, profiles }: Profiles, name: string, said = 'the command line'): Profile {
  if (Object.hasOwn(profiles, name) && profiles[name]) return { ...profiles[name], name };
  const known = Object.keys(profiles).join(', ') || 'none';
  throw usageFailure(
    `${said} names the profile '${name}', which is not in ${file}; there: ${known}`,
    'make it with "tuneplane profiles set"',
  );
}

/** Replaced whole, so that a crash leaves the old one. */
export async function writeProfiles({ file, current, profiles }: Profiles): Promise<void> {
  const { renderProfiles } = await import('./profiles-file.ts');
  const temporary = `${file}.${process.pid}`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(temporary, renderProfiles({ current, profiles }), { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, file);
}

/** @throws CommandFailure */
export function checkProfileName(name: string): string {
  if (!NAME.test(name)) throw usageFailure(`a profile's name must be 1 to 64 letters, digits, '.', '_' or '-', got '${name}'`);
  return name;
}
