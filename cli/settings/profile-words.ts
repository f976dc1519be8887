import type { AnswerOf } from '../answers.ts';
import type { Colors } from '../session.ts';
import { renderTable } from '../text/table.ts';
import type { Profiles } from './profiles.ts';

/** A token is never shown, only that there is one. */
export const toProfileAnswer = ({ file, current, profiles }: Profiles): AnswerOf<'profiles ls'> => ({
  file,
  current,
  profiles: Object.entries(profiles).map(([name, { url, token }]) => ({ name, url, has_token: token !== undefined })),
});

export function describeProfiles({ file, current, profiles }: AnswerOf<'profiles ls'>, colors: Colors): string {
  if (profiles.length === 0) return `no profiles in ${file}`;
  const table = renderTable(
    profiles,
    [
      { title: '', cell: ({ name }) => (name === current ? colors.green('*') : ' ') },
      { title: 'profile', cell: ({ name }) => name },
      { title: 'url', cell: ({ url }) => url },
      { title: 'token', cell: ({ has_token }) => (has_token ? 'kept' : 'none') },
    ],
    { colors },
  );
  return `${table}\n${colors.dim(`in ${file}`)}`;
}
