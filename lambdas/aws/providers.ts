/**
 * Where runs of this home train: AWS Batch, machines of one's own that ask for work (`local`), and what the stage rents elsewhere. Each is
 * loaded when it is first asked for something.
 */

import type { RentalWorld } from '#compute/open-rental.ts';
import { planOf } from '#compute/rental-plan.ts';
import { RENTING_PROVIDERS, type Remedies, type RentingProvider } from '#domain/providers.ts';
import { ComputeTable } from '#operations/compute-table.ts';
import type { Compute, Computes } from '#ports/compute.ts';
import type { KeySecrets } from './key-secrets.ts';
import { lazyCompute } from './lazy-compute.ts';
import { once } from './lazy-port.ts';
import type { RentalSettings } from './rental-settings.ts';

export interface ProviderWorld extends RentalWorld {
  readonly openBatch: () => Promise<Compute>;
  readonly secrets: Pick<KeySecrets, 'value'>;
  /** null: nothing is rented */
  readonly rentals: RentalSettings | null;
}

export function openProviders({ openBatch, rentals, ...world }: ProviderWorld): Computes {
  return new ComputeTable({
    // Of a machine elsewhere only the machine is seen, and a trainer's reports are its word.
    'aws-batch': lazyCompute({ heartbeat: 'reports' }, openBatch),
    local: lazyCompute(
      { heartbeat: 'answers', hasPool: true },
      once(async () => (await import('./open/workers.ts')).openWorkers(world.documents, world.clock)),
    ),
    ...Object.fromEntries(rentedBy(rentals).map((name) => [name, openRented(name, rentals as RentalSettings, world)])),
  });
}

/** Those that the stage has a key for. */
export const rentedBy = (rentals: RentalSettings | null): RentingProvider[] =>
  RENTING_PROVIDERS.filter((name) => rentals?.keys[name] !== undefined);

/** What a provider needs on this home that is not there. */
export const RENTAL_REMEDIES: Remedies = Object.fromEntries(
  RENTING_PROVIDERS.map((name) => [
    name,
    'put its key into Secrets Manager, and name that secret and an image in the settings of the stage',
  ]),
);

function openRented(
  name: RentingProvider,
  rentals: RentalSettings,
  { secrets, ...world }: Pick<ProviderWorld, 'secrets'> & RentalWorld,
): Compute {
  const open = once(async () => (await import('./open/rentals.ts')).rentalBySecret(name, rentals, secrets, world));
  return lazyCompute({ heartbeat: 'reports', plan: planOf, rents: name }, async () => (await open())());
}
