/** Where runs may train, by the names of the wire, and what a plane needs for it. */
export const PROVIDERS = ['local', 'aws-batch', 'runpod', 'lambda', 'vastai'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Those that rent machines by the hour. */
export const RENTING_PROVIDERS = ['runpod', 'lambda', 'vastai'] as const satisfies readonly Provider[];
export type RentingProvider = (typeof RENTING_PROVIDERS)[number];

const SETTING: Readonly<Record<Provider, string>> = {
  local: 'it is there on one machine, and on AWS with a worker',
  'aws-batch': 'deploy the plane to AWS (cdk deploy)',
  runpod: 'set RUNPOD_API_KEY',
  lambda: 'set LAMBDA_API_KEY',
  vastai: 'set VASTAI_API_KEY',
};

export type Remedies = Readonly<Partial<Record<string, string>>>;

/** @param remedies what a provider needs on this plane, where that is known better than here. @returns why a run cannot go there, or null */
export function providerProblem(name: string, configured: readonly string[], remedies: Remedies = {}): string | null {
  if (configured.includes(name)) return null;
  const provider = PROVIDERS.find((known) => known === name);
  if (provider === undefined) return `must be one of ${PROVIDERS.join(', ')}, got '${name.slice(0, 60)}'`;
  return `'${name}' is not configured here: ${howToConfigure(provider, remedies)}; configured: ${configured.join(', ')}`;
}

/** What a provider that is not there needs. */
export const howToConfigure = (provider: Provider, remedies: Remedies = {}): string => remedies[provider] ?? SETTING[provider];
