/** The configuration file: YAML, checked, every fault at once. */
import { parse, stringify } from 'yaml';
import * as z from 'zod';
import { findProblems } from '#http/validation.ts';
import { CommandFailure, EXIT } from '../exit-code.ts';
import type { Profiles } from './profiles.ts';

const fileSchema = z.strictObject({
  profile: z.string().optional().meta({ description: 'the current one' }),
  profiles: z.record(z.string(), z.strictObject({ url: z.string(), token: z.string().min(1).optional() })).optional(),
});

/** @throws CommandFailure */
export function parseProfiles(file: string, text: string): Omit<Profiles, 'file'> {
  const wrong = (what: string): CommandFailure =>
    new CommandFailure('config_invalid', `${file}: ${what}`, { exitCode: EXIT.usage, remedy: 'correct the file, or move it away' });
  let value: unknown;
  try {
    value = parse(text) ?? {};
  } catch (error) {
    throw wrong(error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error));
  }
  const problems = findProblems(fileSchema, value);
  if (problems.length > 0) throw wrong(problems.map(({ path, message }) => `${path} ${message}`.trim()).join('; '));
  const { profile, profiles } = fileSchema.parse(value);
  return { current: profile ?? null, profiles: profiles ?? {} };
}

export const renderProfiles = ({ current, profiles }: Omit<Profiles, 'file'>): string =>
  stringify({
    ...(current !== null && { profile: current }),
    profiles: Object.fromEntries(Object.entries(profiles).map(([name, { url, token }]) => [name, { url, ...(token && { token }) }])),
  });
