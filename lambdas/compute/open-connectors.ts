/** The connectors that are configured, each over its own paced requests. */
import type { RentingProvider } from '#domain/providers.ts';
import type { DocumentStore } from '#ports/document-store.ts';
import type { Clock } from '#ports/workflow.ts';
import type { Connector } from './connector.ts';
import { LambdaCloud } from './lambda-cloud.ts';
import { type Fetch, ProviderHttp } from './provider-http.ts';
import { type Gate, RateGate } from './rate-gate.ts';
import { RunPod } from './runpod.ts';
import { VastAi } from './vastai.ts';

export interface ConnectorWorld {
  readonly fetch: Fetch;
  readonly pause: (millis: number) => Promise<void>;
  /** what keeps the account's pace; see `openGate` */
  readonly gate: Gate;
}

/** The pace of one account, kept by all processes that share the documents. */
export const openGate = (
  provider: RentingProvider,
  world: { readonly documents: DocumentStore; readonly clock: Clock; readonly pause: ConnectorWorld['pause'] },
): Gate => new RateGate({ provider, ...world });

/** Where each provider answers. */
export const PROVIDER_URLS: Readonly<Record<RentingProvider, string>> = {
  runpod: 'https://api.runpod.io',
  lambda: 'https://cloud.lambda.ai/api/v1',
  vastai: 'https://console.vast.ai',
};

const LOG_MILLIS = 10_000;
const LOG_PAUSE_MILLIS = 500;

/** @param baseUrl another address of the same API, for tests */
export function openConnector(provider: RentingProvider, key: string, world: ConnectorWorld, baseUrl = PROVIDER_URLS[provider]): Connector {
  const http = new ProviderHttp({ provider, baseUrl, key, fetch: world.fetch, gate: world.gate });
  switch (provider) {
    case 'runpod':
      return new RunPod(http);
    case 'lambda':
      return new LambdaCloud(http);
    case 'vastai':
      return new VastAi(http, (url) => readLog(world, url));
  }
}

/** A link to an object store of the provider's own: no key goes there. */
async function readLog({ fetch, pause }: ConnectorWorld, url: string): Promise<string | null> {
  const response = await fetch(url, { signal: AbortSignal.timeout(LOG_MILLIS) });
  if (response.ok) return response.text();
  await pause(LOG_PAUSE_MILLIS);
  return null;
}
