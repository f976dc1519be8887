import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Check what a plane on this machine needs, and the plane that commands talk to. Each finding says what to do. Exit code 1 where something failed. Values of tokens and secrets are never shown.',
    )
    .addHelpText(
      'after',
      describeExamples([
        { line: 'doctor', about: '' },
        { line: 'doctor --json | jq -r \'.checks[] | select(.verdict == "failed").remedy\'', about: 'what to do' },
      ]),
    )
    .action(async () => {
      const { runDoctor } = await import('../doctor/run-doctor.ts');
      await runDoctor(session);
    });
