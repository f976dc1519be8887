/** A token from its user: asked for without being shown, or the first line of standard input. */
import type { ReadStream } from 'node:tty';
import { usageFailure } from '../exit-code.ts';
import type { Session } from '../session.ts';
import { hasTerminal } from '../world.ts';

/** @returns null where Enter is pressed: the plane wants none. @throws Interrupted; CommandFailure for what can be no token */
export async function readToken(session: Session): Promise<string | null> {
  const token = ((await (hasTerminal(session.world) ? askHidden(session) : session.ask(''))) ?? '').trim();
  if (/[^\x21-\x7e]/.test(token)) throw usageFailure('a token must be printable ASCII without spaces');
  return token === '' ? null : token;
}

/** The terminal's echo is off meanwhile; node's own line reader would write what is typed. */
async function askHidden(session: Session): Promise<string | null> {
  const { input, errors } = session.world;
  const { execFileSync } = await import('node:child_process');
  const echo = (isOn: boolean): void => {
    if ((input as Partial<ReadStream>).isTTY && input === process.stdin)
      execFileSync('stty', [isOn ? 'echo' : '-echo'], { stdio: ['inherit', 'ignore', 'ignore'] });
  };
  echo(false);
  try {
    return await session.ask('token of that plane (not shown; Enter for none): ');
  } finally {
    echo(true);
    errors.write('\n');
  }
}
