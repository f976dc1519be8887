import { Argument } from '@commander-js/extra-typings';
import { type Command, describeExamples } from '../command.ts';
import { COMPLETION_SCRIPTS, SHELLS } from '../completion/shells.ts';
import { oneOf } from '../option-words.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description('Print what makes a shell complete commands, options, runs, saved configurations, datasets and files.')
    .addArgument(new Argument('<shell>', `one of ${SHELLS.join(', ')}`).choices(SHELLS).argParser((text) => oneOf(SHELLS, text)))
    .addHelpText(
      'after',
      describeExamples([
        { line: 'completion bash >> ~/.bashrc', about: 'bash 4 and later' },
        { line: 'completion zsh > ~/.zfunc/_tuneplane', about: 'a folder of your fpath' },
        { line: 'completion fish > ~/.config/fish/completions/tuneplane.fish', about: '' },
      ]),
    )
    .action((shell) => {
      const script = COMPLETION_SCRIPTS[shell];
      session.print('completion', { shell, script }, () => script);
    });
