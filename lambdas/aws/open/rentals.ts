import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod';
import { ConnectorCompute, type TrainerImage } from '#compute/connector-compute.ts';
import { openConnector, openGate } from '#compute/open-connectors.ts';
import type { RentingProvider } from '#domain/providers.ts';
import type { Clock, Compute, DocumentStore } from '#ports';
import type { KeySecrets } from '../key-secrets.ts';
import type { RentalSettings } from '../rental-settings.ts';

export interface RentalWorld {
  readonly secrets: Pick<KeySecrets, 'value'>;
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly planeId: string;
}

const loginSchema = z.object({ username: z.string().min(1), password: z.string().min(1) });

/** @returns the provider as its secrets are now: another one once they were rotated */
export function openRental(provider: RentingProvider, settings: RentalSettings, world: RentalWorld): () => Promise<Compute> {
  const { secrets, documents, clock, planeId } = world;
  let made: { readonly by: string; readonly compute: Compute } | null = null;
  return async () => {
    const { keys, registrySecretArn, addresses, allowUnverified } = settings;
    const key = (await secrets.value(keys[provider] ?? '')).trim();
    const login = registrySecretArn === null ? null : await secrets.value(registrySecretArn);
    const by = JSON.stringify([key, login]);
    if (made?.by === by) return made.compute;
    const wait = async (millis: number) => void (await pause(millis));
    const gate = openGate(provider, { documents, clock, pause: wait });
    const connector = openConnector(provider, key, { fetch, gate, pause: wait }, addresses[provider]);
    const image = toImage(settings, login);
    const compute = new ConnectorCompute({ connector, documents, clock, planeId, image, allowUnverified, chance: twoCharacters });
    made = { by, compute };
    return compute;
  };
}

function toImage({ image, cuda }: RentalSettings, login: string | null): TrainerImage {
  if (login === null) return { reference: image, cuda, registry: null };
  const first = image.split('/')[0] ?? '';
  return { reference: image, cuda, registry: { host: /[.:]/.test(first) ? first : 'docker.io', ...loginSchema.parse(JSON.parse(login)) } };
}

const twoCharacters = (): string =>
  randomInt(36 ** 2)
    .toString(36)
    .padStart(2, '0');
