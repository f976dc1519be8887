import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';

export function define(command: Command, session: Session): void {
  command
    .description(
      'Planes by name, in a file that only you may read (XDG_CONFIG_HOME/tuneplane/config.yaml). The current one counts where nothing else names a plane.',
    )
    .usage('[command]');
  command
    .command('ls', { isDefault: true })
    .summary('list them')
    .description('List the profiles; tokens are not shown.')
    .addHelpText('after', describeExamples([{ line: 'profiles', about: 'which planes are known, and which is current' }]))
    .action(async () => {
      const { readProfiles } = await import('../settings/profiles.ts');
      await print(session, 'profiles ls', await readProfiles(session.world.variables));
    });
  command
    .command('set')
    .summary('keep one, and make it current')
    .description(
      'Keep a plane under a name, and make it the current one. The token is asked for, or read from standard input; it never stands in the command line, where others could see it.',
    )
    .argument('<name>', 'of the profile')
    .argument('<address>', 'of the plane, like https://plane.example.com')
    .option('--no-token', 'the plane wants none')
    .addHelpText(
      'after',
      describeExamples([
        { line: 'profiles set work https://plane.example.com', about: 'asks for the token' },
        { line: 'profiles set work https://plane.example.com < token.txt', about: 'for a script' },
      ]),
    )
    .action(async (name, address, { token }) => {
      const [{ checkProfileName, readProfiles, writeProfiles }, { toUrl }, { readToken }] = await Promise.all([
        import('../settings/profiles.ts'),
        import('../settings/connection.ts'),
        import('../settings/read-token.ts'),
      ]);
      const url = toUrl(address, 'the address').href.replace(/\/+$/, '');
      const before = await readProfiles(session.world.variables);
      const value = token ? await readToken(session) : null;
      const profile = { url, ...(value !== null && { token: value }) };
      const after = { ...before, current: name, profiles: { ...before.profiles, [checkProfileName(name)]: profile } };
      await writeProfiles(after);
      await print(session, 'profiles set', after);
    });
  command
    .command('use')
    .summary('make one current')
    .description('Make a profile the current one.')
    .argument('<name>', 'of the profile')
    .addHelpText('after', describeExamples([{ line: 'profiles use work', about: 'commands go to that plane from now on' }]))
    .action(async (name) => {
      const { readProfiles, requireProfile, writeProfiles } = await import('../settings/profiles.ts');
      const before = await readProfiles(session.world.variables);
      requireProfile(before, name);
      const after = { ...before, current: name };
      await writeProfiles(after);
      await print(session, 'profiles use', after);
    });
  command
    .command('remove')
    .summary('forget one')
    .description('Forget a profile and its token.')
    .argument('<name>', 'of the profile')
    .addHelpText('after', describeExamples([{ line: 'profiles remove work', about: '' }]))
    .action(async (name) => {
      const { readProfiles, requireProfile, writeProfiles } = await import('../settings/profiles.ts');
      const before = await readProfiles(session.world.variables);
      requireProfile(before, name);
      const { [name]: _, ...profiles } = before.profiles;
      const after = { ...before, current: before.current === name ? null : before.current, profiles };
      await writeProfiles(after);
      await print(session, 'profiles remove', after);
    });
}

async function print(
  session: Session,
  name: 'profiles ls' | 'profiles set' | 'profiles use' | 'profiles remove',
  profiles: Parameters<typeof import('../settings/profile-words.ts').toProfileAnswer>[0],
): Promise<void> {
  const { describeProfiles, toProfileAnswer } = await import('../settings/profile-words.ts');
  const answer = toProfileAnswer(profiles);
  session.print(name, answer, (colors) => describeProfiles(answer, colors));
}
