/**
 * Which plane a command talks to, and with which token. The first that says so: `--url`, `--profile`, TUNEPLANE_URL, TUNEPLANE_PROFILE, the current profile,
 * and else the plane of this machine. A token goes only where it belongs: a profile's to the profile's plane, the plane's own (TRAINER_API_TOKEN,
 * which is set where it is started) to this machine. TUNEPLANE_TOKEN goes where its user points, and before a profile's that no flag names.
 */
import { usageFailure } from '../exit-code.ts';
import type { World } from '../world.ts';
import { type Profile, readProfiles, requireProfile } from './profiles.ts';

export interface Connection {
  /** without a slash at its end */
  readonly url: string;
  readonly token: { readonly value: string; readonly source: string } | null;
  /** what to do where nobody answers there */
  readonly remedy: string;
}

export interface ConnectionFlags {
  readonly url?: string | undefined;
  readonly profile?: string | undefined;
}

const OTHER_PLANE = 'name another with --url, TUNEPLANE_URL or a profile';

/** @throws CommandFailure for an URL that is none, and a profile that is not there */
export async function findConnection(
  flags: ConnectionFlags,
  { variables, calledAs }: Pick<World, 'variables' | 'calledAs'>,
): Promise<Connection> {
  const { url, source, profile } = await findPlace(flags, variables);
  const token = tokenFor(url, profile, flags.profile !== undefined, variables);
  const isHere = isLoopback(url);
  const start = `start one with "${calledAs} start"`;
  return {
    url: url.href.replace(/\/+$/, ''),
    token,
    remedy: isHere ? `${start}, or ${OTHER_PLANE}` : `check ${source}, or ${OTHER_PLANE}`,
  };
}

interface Place {
  readonly url: URL;
  readonly source: string;
  readonly profile: Profile | null;
}

async function findPlace(flags: ConnectionFlags, variables: World['variables']): Promise<Place> {
  if (flags.url !== undefined && flags.profile !== undefined)
    throw usageFailure(`--url and --profile both name a plane, got '${flags.url}' and '${flags.profile}': give one of them`);
  if (flags.url !== undefined) return { url: toUrl(flags.url, '--url'), source: '--url', profile: null };
  if (flags.profile !== undefined) return placeOf(flags.profile, '--profile', variables);
  if (variables['TUNEPLANE_URL'])
    return { url: toUrl(variables['TUNEPLANE_URL'], 'TUNEPLANE_URL'), source: 'TUNEPLANE_URL', profile: null };
  if (variables['TUNEPLANE_PROFILE']) return placeOf(variables['TUNEPLANE_PROFILE'], 'TUNEPLANE_PROFILE', variables);
  const { current } = await readProfiles(variables);
  if (current !== null) return placeOf(current, 'the current profile', variables);
  return { url: toUrl(`http://127.0.0.1:${variables['PORT'] || '8000'}`, 'PORT'), source: 'PORT', profile: null };
}

async function placeOf(name: string, said: string, variables: World['variables']): Promise<Place> {
  const profile = requireProfile(await readProfiles(variables), name, said);
  return { url: toUrl(profile.url, `profile '${name}'`), source: `profile '${name}'`, profile };
}

function tokenFor(url: URL, profile: Profile | null, isNamedByFlag: boolean, variables: World['variables']): Connection['token'] {
  const ofProfile = profile?.token ? { value: profile.token, source: `profile '${profile.name}'` } : null;
  if (ofProfile && isNamedByFlag) return ofProfile;
  if (variables['TUNEPLANE_TOKEN']) return { value: variables['TUNEPLANE_TOKEN'], source: 'TUNEPLANE_TOKEN' };
  if (ofProfile) return ofProfile;
  if (variables['TRAINER_API_TOKEN'] && isLoopback(url)) return { value: variables['TRAINER_API_TOKEN'], source: 'TRAINER_API_TOKEN' };
  return null;
}

/** @throws CommandFailure */
export function toUrl(text: string, source: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.host === '')
    throw usageFailure(`${source} must be the address of a plane, like http://127.0.0.1:8000 or https://plane.example.com, got '${text}'`);
  if (url.username || url.password || url.search || url.hash)
    throw usageFailure(`${source} must be an address alone, without a password, a query or a fragment`);
  return url;
}

export const isLoopback = ({ hostname }: URL): boolean => /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(hostname);
