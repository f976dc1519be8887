/** Are the settings for rented machines whole, and do they open what they should? For `doctor`: it asks each provider and the store once. */
import { setTimeout as pause } from 'node:timers/promises';
import { openConnector } from '#compute/open-connectors.ts';
import { OPEN_GATE } from '#compute/rate-gate.ts';
import { openHomeStore } from './renting.ts';
import type { RentingSettings } from './renting-environment.ts';

export interface ProviderFinding {
  /** `runpod`, or `store` */
  readonly name: string;
  readonly isWell: boolean;
  /** a sentence; no key is ever in it */
  readonly finding: string;
  /** what to do where it is not well */
  readonly remedy: string | null;
}

/** @returns nothing where no provider has a key and no store is named: nobody wants to rent */
export async function checkProviders(settings: RentingSettings): Promise<readonly ProviderFinding[]> {
  const { providers, missing } = settings;
  const checks = providers.map(async ({ name, key, url }): Promise<ProviderFinding> => {
    const lack = missing[name];
    if (lack !== undefined) return { name, isWell: false, finding: 'it has a key, and cannot be used yet', remedy: lack };
    const world = { gate: OPEN_GATE, fetch, pause: async (millis: number) => void (await pause(millis)) };
    return tell(name, () => openConnector(name, key, world, url ?? undefined).check(), 'correct the key, or unset it');
  });
  return Promise.all([...checks, ...(settings.store === null ? [] : [checkStore(settings)])]);
}

async function checkStore(settings: RentingSettings): Promise<ProviderFinding> {
  const store = await openHomeStore(settings);
  try {
    return await tell('store', async () => store?.check() ?? '', 'correct TUNEPLANE_ARTIFACTS and the AWS_* credentials beside it');
  } finally {
    store?.close();
  }
}

async function tell(name: string, check: () => Promise<string>, remedy: string): Promise<ProviderFinding> {
  try {
    return { name, isWell: true, finding: await check(), remedy: null };
  } catch (error) {
    return { name, isWell: false, finding: error instanceof Error ? error.message : String(error), remedy };
  }
}
