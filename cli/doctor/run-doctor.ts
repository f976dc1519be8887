/** `doctor`: every check, in the order in which a person would mend things. */
import { EXIT } from '../exit-code.ts';
import type { Colors, Session } from '../session.ts';
import type { Check, Finding, Verdict } from './check.ts';
import { checkHome } from './home.ts';
import { checkPlane } from './plane.ts';
import { checkPrograms } from './programs.ts';
import { checkRented } from './rented.ts';
import { checkSecrets } from './secrets.ts';
import { checkTrainer } from './trainer.ts';

const CHECKS: readonly Check[] = [checkPrograms, checkTrainer, checkHome, checkSecrets, checkRented, checkPlane];

export async function runDoctor(session: Session): Promise<void> {
  const checked = { session, variables: session.world.variables };
  const checks = (await Promise.all(CHECKS.map((check) => check.find(checked)))).flat();
  if (checks.some(({ verdict }) => verdict === 'failed')) session.exitCode = EXIT.failed;
  session.print('doctor', { checks }, (colors) => describeChecks(checks, colors));
}

const MARKS: Readonly<Record<Verdict, string>> = { ok: 'ok', note: '--', warning: '! ', failed: 'NO' };

function describeChecks(checks: readonly Finding[], colors: Colors): string {
  const paint: Readonly<Record<Verdict, (text: string) => string>> = {
    ok: colors.green,
    note: colors.dim,
    warning: colors.yellow,
    failed: colors.red,
  };
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, verdict, finding, remedy }) => [
    `${paint[verdict](MARKS[verdict])}  ${name.padEnd(width)}  ${finding}`,
    ...(remedy === null ? [] : [`${' '.repeat(width + 6)}${colors.dim(remedy)}`]),
  ]);
  const bad = checks.filter(({ verdict }) => verdict === 'failed').length;
  const doubtful = checks.filter(({ verdict }) => verdict === 'warning').length;
  const sum = bad > 0 ? colors.red(`${bad} failed`) : doubtful > 0 ? colors.yellow(`${doubtful} to look at`) : colors.green('all is well');
  return [...lines, '', sum].join('\n');
}
