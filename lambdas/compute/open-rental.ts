/** A provider of rented machines as a compute, from its key: for both homes. */
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RentingProvider } from '#domain/providers.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { MachineTokens } from '#ports/secrets.ts';
import type { Clock } from '#ports/workflow.ts';
import { ConnectorCompute, type TrainerImage } from './connector-compute.ts';
import { openConnector, openGate } from './open-connectors.ts';

export interface RentalSettings {
  readonly name: RentingProvider;
  readonly key: string;
  /** another address of the same API; null: its own */
  readonly url: string | null;
  readonly image: TrainerImage;
  readonly allowUnverified: boolean;
}

export interface RentalWorld {
  readonly documents: DocumentStore;
  readonly clock: Clock;
  readonly machineTokens: Pick<MachineTokens, 'planeId'>;
}

export function openRental({ name, key, url, image, allowUnverified }: RentalSettings, world: RentalWorld): ConnectorCompute {
  const { documents, clock, machineTokens } = world;
  const wait = async (millis: number) => void (await pause(millis));
  const gate = openGate(name, { documents, clock, pause: wait });
  const connector = openConnector(name, key, { fetch, gate, pause: wait }, url ?? undefined);
  const { planeId } = machineTokens;
  return new ConnectorCompute({ connector, documents, clock, planeId, image, allowUnverified, chance: twoCharacters });
}

const twoCharacters = (): string =>
  randomInt(36 ** 2)
    .toString(36)
    .padStart(2, '0');
