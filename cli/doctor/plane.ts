/** The plane that commands talk to: whether it answers, takes the token, and what it has to train on. */
import * as z from 'zod';
import { CommandFailure } from '../exit-code.ts';
import { listProviders, listWorkers } from '../plane/places.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { PlaneAway, PlaneRefusal } from '../plane/plane-errors.ts';
import { describeCount } from '../text/words.ts';
import type { Check, Checked, Finding } from './check.ts';
import { failed, note, ok, warning } from './check.ts';

export const checkPlane: Check = {
  name: 'plane',
  find: async (checked) => {
    try {
      const plane = await checked.session.plane();
      const readiness = await checkReadiness(plane, checked);
      return readiness.verdict === 'ok' ? [readiness, ...(await checkToken(plane, checked))] : [readiness];
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      return [failed('plane', error.message, error.remedy ?? 'name a plane with --url, TUNEPLANE_URL or a profile')];
    }
  },
};

/** A plane that nobody named is one that may be started yet. */
async function checkReadiness(plane: PlaneClient, { session, variables }: Checked): Promise<Finding> {
  try {
    await plane.call({ method: 'GET', path: '/readyz', schema: z.object({ status: z.literal('ready') }) });
    return ok('plane', `${plane.url} is ready`);
  } catch (error) {
    if (!(error instanceof PlaneAway)) throw error;
    const isNamed = session.namesPlane || Boolean(variables['TUNEPLANE_URL'] || variables['TUNEPLANE_PROFILE']);
    return isNamed ? failed('plane', error.message, error.remedy ?? '') : note('plane', error.message, error.remedy);
  }
}

async function checkToken(plane: PlaneClient, { variables }: Checked): Promise<Finding[]> {
  try {
    const [providers, workers] = await Promise.all([listProviders(plane), listWorkers(plane)]);
    const configured = providers.filter((provider) => provider.configured);
    const engines = [...new Set(workers.flatMap((worker) => worker.engines))];
    const slots = workers.reduce((sum, worker) => sum + worker.slots, 0);
    return [
      ok(
        'token',
        variables['TUNEPLANE_TOKEN'] || variables['TRAINER_API_TOKEN'] ? 'the plane takes it' : 'the plane takes what commands send',
      ),
      configured.length > 0
        ? ok('providers', configured.map(({ name, default: isDefault }) => (isDefault ? `${name} (default)` : name)).join(', '))
        : failed(
            'providers',
            'none is configured: no run can train',
            providers.flatMap(({ remedy }) => (remedy ? [remedy] : [])).join('; or '),
          ),
      engines.length > 0 || workers.length === 0
        ? ok(
            'machines',
            `${describeCount(workers.length, 'machine')}, ${describeCount(slots, 'slot')}, engines ${engines.join(', ') || 'none yet'}`,
          )
        : warning('machines', 'the machines have no engine to train with', 'run "npm run setup" there'),
    ];
  } catch (error) {
    if (!(error instanceof PlaneRefusal)) throw error;
    return [failed('token', error.message, error.remedy ?? 'set TUNEPLANE_TOKEN')];
  }
}
