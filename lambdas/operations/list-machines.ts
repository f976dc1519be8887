import { howToConfigure, PROVIDERS, type Provider } from '#domain/providers.ts';
import type { Machine } from '#ports/compute.ts';
import type { Ports } from '#ports/ports.ts';

export interface ProviderStatus {
  readonly name: Provider;
  readonly isConfigured: boolean;
  /** where a run goes that names none */
  readonly isDefault: boolean;
  /** what it needs to be there; null where it is */
  readonly remedy: string | null;
}

export function listProviders({ settings }: Pick<Ports, 'settings'>): ProviderStatus[] {
  return PROVIDERS.map((name) => {
    const isConfigured = settings.providers.includes(name);
    return {
      name,
      isConfigured,
      isDefault: settings.provider === name,
      remedy: isConfigured ? null : howToConfigure(name, settings.providerRemedies),
    };
  });
}

export async function listMachines({ compute }: Pick<Ports, 'compute'>): Promise<readonly Machine[]> {
  const byProvider = await Promise.all(compute.all().map((provider) => provider.machines()));
  return byProvider.flat();
}
