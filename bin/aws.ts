/** The commands of a stage in AWS (`npm run deploy -- dev`); each has a file in bin/aws/. */
import { Command } from '@commander-js/extra-typings';
import { SettingsError } from '../lib/settings/read-settings.ts';
import { CommandError } from './aws/stage-context.ts';

const FAILED = 1;
const ASKED_WRONGLY = 2;
const COMMON = `
<stage> is a name of yours: lower-case letters, digits and '-', at most 20. Its settings are settings/<stage>.yaml, .yml or .json
(settings/example.yaml has every field); without a file every field has its default. Credentials and region are those of the AWS
command line: AWS_PROFILE, AWS_REGION, "aws sso login". docs/deploy.md tells the whole of it.`;

const program = new Command('npm run')
  .helpCommand(false)
  .showSuggestionAfterError()
  .showHelpAfterError('see npm run <command> -- --help')
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, '')) })
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : ASKED_WRONGLY));

program
  .command('bootstrap')
  .usage('-- <stage>')
  .description('Makes what the CDK needs once in an account and region: a bucket for assets, and roles to deploy with (stack CDKToolkit).')
  .argument('<stage>')
  .addHelpText('after', COMMON)
  .action(async (stage) => (await import('./aws/bootstrap.ts')).bootstrap(stage));

program
  .command('deploy')
  .usage('-- <stage> [options]')
  .description('Shows what a deployment would make, change and cost, asks, and deploys.')
  .argument('<stage>')
  .option('-y, --yes', 'no question is asked')
  .option('--plan', 'the plan and what the account lacks, and nothing else')
  .option(
    '--remove-class <name>',
    'a compute class that the settings have no more may go; again for another',
    (name, names: string[] = []) => [...names, name],
  )
  .addHelpText('after', COMMON)
  .action(async (stage, { yes = false, plan = false, removeClass = [] }) => {
    const { deploy } = await import('./aws/deploy.ts');
    await deploy(stage, { yes, planOnly: plan, removeClasses: removeClass });
  });

program
  .command('doctor')
  .usage('-- <stage>')
  .description(
    'Looks at account, region and stage: credentials, bootstrap, quotas, machines, image, alarms, dead letters; says what to do.',
  )
  .argument('<stage>')
  .addHelpText('after', COMMON)
  .action(async (stage) => (await import('./aws/doctor.ts')).doctor(stage));

program
  .command('redrive')
  .usage('-- <stage>')
  .description('Brings back what ended as a dead letter, when its reason is mended (docs/runbook.md).')
  .argument('<stage>')
  .addHelpText('after', COMMON)
  .action(async (stage) => (await import('./aws/redrive.ts')).redrive(stage));

program
  .command('rotate-token')
  .usage('-- <stage>')
  .description('Makes a new token; the one before is taken until the next rotation.')
  .argument('<stage>')
  .addHelpText('after', COMMON)
  .action(async (stage) => (await import('./aws/rotate-token.ts')).rotateToken(stage));

program
  .command('destroy')
  .usage('-- <stage> [options]')
  .description('Takes the plane away. Table, bucket and secrets stay; a later deployment finds them again.')
  .argument('<stage>')
  .option('-y, --yes', 'no question is asked')
  .option('--with-data', 'table, bucket and secrets go too: every run, checkpoint and data set')
  .addHelpText('after', COMMON)
  .action(async (stage, { yes = false, withData = false }) => {
    const { destroy } = await import('./aws/destroy.ts');
    await destroy(stage, { yes, withData });
  });

try {
  await program.parseAsync();
} catch (error) {
  const sentence = toSentence(error);
  if (sentence === null) throw error;
  console.error(`\n${sentence}`);
  process.exitCode = FAILED;
}

/** What a user can do something about; null for a fault of ours, which is shown with its stack. */
function toSentence(error: unknown): string | null {
  if (error instanceof CommandError || error instanceof SettingsError) return error.message;
  if (error instanceof Error && '$metadata' in error) return `AWS answers ${error.name}: ${error.message}`;
  return null;
}
