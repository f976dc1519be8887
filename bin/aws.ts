/** The commands of a stage in AWS (`npm run deploy -- dev`); each has a file in bin/aws/. */
import { parseArgs } from 'node:util';
import { SettingsError } from '../lib/settings/read-settings.ts';
import { CommandError } from './aws/stage-context.ts';

type Command = (args: string[]) => Promise<void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  deploy: async (args) => {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: { yes: { type: 'boolean', short: 'y' }, plan: { type: 'boolean' }, 'remove-class': { type: 'string', multiple: true } },
    });
    const { deploy } = await import('./aws/deploy.ts');
    await deploy(positionals[0], { yes: values.yes ?? false, planOnly: values.plan ?? false, removeClasses: values['remove-class'] ?? [] });
  },
  doctor: async (args) => (await import('./aws/doctor.ts')).doctor(stageOf(args)),
  redrive: async (args) => (await import('./aws/redrive.ts')).redrive(stageOf(args)),
  'rotate-token': async (args) => (await import('./aws/rotate-token.ts')).rotateToken(stageOf(args)),
  destroy: async (args) => {
    const options = { yes: { type: 'boolean', short: 'y' }, 'with-data': { type: 'boolean' } } as const;
    const { positionals, values } = parseArgs({ args, allowPositionals: true, options });
    const { destroy } = await import('./aws/destroy.ts');
    await destroy(positionals[0], { yes: values.yes ?? false, withData: values['with-data'] ?? false });
  },
};

const stageOf = (args: string[]): string | undefined => parseArgs({ args, allowPositionals: true }).positionals[0];

const [name = '', ...args] = process.argv.slice(2);
const command = COMMANDS[name];
if (!command) {
  console.error(`unknown command '${name}': ${Object.keys(COMMANDS).join(', ')}`);
  process.exit(2);
}
try {
  await command(args);
} catch (error) {
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    console.error(error.message);
    process.exitCode = 2;
  } else if (error instanceof CommandError || error instanceof SettingsError) {
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  } else throw error;
}
