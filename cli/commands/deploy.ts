import { type Command, describeExamples } from '../command.ts';
import type { Session } from '../session.ts';

export const define = (command: Command, session: Session) =>
  command
    .description(
      'Deploy a stage of the plane into your AWS account: shows what it makes, changes and costs, and asks. It runs in a clone of the repository, as "npm run deploy" does; docs/deploy.md tells the whole of it.',
    )
    .argument('<stage>', 'a name of yours: its settings are settings/<stage>.yaml, and without a file every field has its default')
    .option('-y, --yes', 'no question is asked')
    .option('--plan', 'the plan and what the account lacks, and nothing else')
    .option(
      '--remove-class <name>',
      'a compute class that the settings have no more may go; again for another',
      (name, names: string[] = []) => [...names, name],
    )
    .addHelpText(
      'after',
      describeExamples([
        { line: 'deploy dev --plan', about: 'what it would make, and what that costs' },
        { line: 'deploy dev', about: 'shows the plan, asks, deploys' },
      ]),
    )
    .action(async (stage, flags) => {
      const { deployStage } = await import('../machine/deploy-stage.ts');
      await deployStage(session, stage, flags);
    });
