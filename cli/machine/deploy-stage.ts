/** `npm run deploy` of the repository, from the command line. A package has no templates: who deploys a plane has its source. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure, EXIT } from '../exit-code.ts';
import type { Session } from '../session.ts';
import { REPOSITORY } from './repository.ts';

export interface DeployFlags {
  readonly yes?: true | undefined;
  readonly plan?: true | undefined;
  readonly removeClass?: readonly string[] | undefined;
}

/** @throws CommandFailure with the exit code of the deployment, which has said why on standard error */
export async function deployStage(session: Session, stage: string, { yes, plan, removeClass = [] }: DeployFlags): Promise<void> {
  const program = join(REPOSITORY, 'bin', 'aws.ts');
  if (!existsSync(program))
    throw new CommandFailure('repository_missing', 'a stage is deployed from a clone of the repository, and this is the package', {
      remedy: `clone it, and run "npm run deploy -- ${stage}" there`,
    });
  const flags = [...(yes ? ['--yes'] : []), ...(plan ? ['--plan'] : []), ...removeClass.flatMap((name) => ['--remove-class', name])];
  const child = spawn(process.execPath, [program, 'deploy', ...flags, '--', stage], {
    cwd: REPOSITORY,
    env: { ...session.world.variables },
    stdio: ['inherit', session.isJson ? 2 : 'inherit', 'inherit'], // standard output is for the answer alone
  });
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (exitCode) => resolve(exitCode ?? EXIT.interrupted));
  });
  if (code !== 0)
    throw new CommandFailure('deploy_failed', `the stage '${stage}' was not deployed`, {
      exitCode: code === EXIT.usage ? EXIT.usage : code === EXIT.interrupted ? EXIT.interrupted : EXIT.failed,
      remedy: 'the reason stands above',
    });
  if (session.isJson) session.print('deploy', { stage, deployed: plan !== true }, () => ''); // else it was all said
}
