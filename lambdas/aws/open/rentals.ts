import * as z from 'zod';
import type { TrainerImage } from '#compute/connector-compute.ts';
import { openRental, type RentalWorld } from '#compute/open-rental.ts';
import type { RentingProvider } from '#domain/providers.ts';
import type { Compute } from '#ports/compute.ts';
import type { KeySecrets } from '../key-secrets.ts';
import type { RentalSettings } from '../rental-settings.ts';

const loginSchema = z.object({ username: z.string().min(1), password: z.string().min(1) });

/** @returns the provider as its secrets are now: another one once they were rotated */
export function rentalBySecret(
  provider: RentingProvider,
  settings: RentalSettings,
  secrets: Pick<KeySecrets, 'value'>,
  world: RentalWorld,
): () => Promise<Compute> {
  let made: { readonly by: string; readonly compute: Compute } | null = null;
  return async () => {
    const { keys, registrySecretArn, addresses, allowUnverified } = settings;
    const key = (await secrets.value(keys[provider] ?? '')).trim();
    const login = registrySecretArn === null ? null : await secrets.value(registrySecretArn);
    const by = JSON.stringify([key, login]);
    if (made?.by === by) return made.compute;
    const image = toImage(settings, login);
    const compute = openRental({ name: provider, key, url: addresses[provider] ?? null, image, allowUnverified }, world);
    made = { by, compute };
    return compute;
  };
}

function toImage({ image, cuda }: RentalSettings, login: string | null): TrainerImage {
  if (login === null) return { reference: image, cuda, registry: null };
  const first = image.split('/')[0] ?? '';
  return { reference: image, cuda, registry: { host: /[.:]/.test(first) ? first : 'docker.io', ...loginSchema.parse(JSON.parse(login)) } };
}
