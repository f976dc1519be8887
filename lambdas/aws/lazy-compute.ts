/** A provider whose adapter is loaded by need: what is read of it without a call is known beforehand. */
import type { Compute } from '#ports/compute.ts';
import type { Rental } from '#ports/rental.ts';
import type { WorkerPool } from '#ports/worker-pool.ts';
import { portBehind } from './lazy-port.ts';

export interface KnownOfCompute extends Pick<Compute, 'heartbeat' | 'plan'> {
  /** rented machines: the provider's name */
  readonly rents?: string;
  /** machines that ask for work */
  readonly hasPool?: boolean;
}

/** @param find asked at each call */
export function lazyCompute({ heartbeat, plan, rents, hasPool = false }: KnownOfCompute, find: () => Promise<Compute>): Compute {
  const part = <Part extends object>(name: string, choose: (compute: Compute) => Part | undefined): Part =>
    portBehind<Part>(async () => {
      const found = choose(await find());
      if (found === undefined) throw new Error(`this provider has no ${name}`);
      return found;
    });
  const known: Readonly<Record<string, unknown>> = {
    heartbeat,
    plan,
    rental:
      rents === undefined
        ? undefined
        : named(
            rents,
            part<Rental>('rental', ({ rental }) => rental),
          ),
    pool: hasPool ? part<WorkerPool>('pool', ({ pool }) => pool) : undefined,
  };
  return new Proxy(portBehind<Compute>(find), {
    get: (port, name) => (typeof name === 'string' && name in known ? known[name] : Reflect.get(port, name)),
  });
}

const named = (provider: string, rental: Rental): Rental =>
  new Proxy(rental, { get: (port, name) => (name === 'provider' ? provider : Reflect.get(port, name)) });
