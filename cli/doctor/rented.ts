/** Rented machines: keys of providers, and the store that machines elsewhere share with the plane. Asks each of them once. */
import { checkProviders } from '../../lambdas/local/check-providers.ts';
import { readEnvironment } from '../../lambdas/local/environment.ts';
import type { Check } from './check.ts';
import { failed, note, ok } from './check.ts';

export const checkRented: Check = {
  name: 'rented',
  find: async ({ session, variables }) => {
    let settings: ReturnType<typeof readEnvironment>;
    try {
      settings = readEnvironment(variables, session.world.workingFolder);
    } catch {
      return []; // the check of the home tells which variable
    }
    const findings = await checkProviders(settings.renting);
    if (findings.length === 0)
      return [note('rented', 'no provider of rented machines has a key here', 'docs/compute.md says what each needs')];
    return findings.map(({ name, isWell, finding, remedy }) =>
      isWell ? ok(`rented ${name}`, finding) : failed(`rented ${name}`, finding, remedy ?? ''),
    );
  },
};
