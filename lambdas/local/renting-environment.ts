/** The settings for machines that are rented, from the environment: keys of providers, the image that they run, the store that they share with the plane. */
import * as z from 'zod';
import { RENTING_PROVIDERS, type RentingProvider } from '#domain/providers.ts';
import type { StoreSettings } from '#s3/open-store.ts';

const KEYS = { runpod: 'RUNPOD_API_KEY', lambda: 'LAMBDA_API_KEY', vastai: 'VASTAI_API_KEY' } as const satisfies Record<
  RentingProvider,
  string
>;
/** The address of a provider's API, in place of its own: a proxy, or a test. */
const ADDRESSES = { runpod: 'RUNPOD_API_URL', lambda: 'LAMBDA_API_URL', vastai: 'VASTAI_API_URL' } as const satisfies Record<
  RentingProvider,
  string
>;

const address = z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).optional();
const text = z.string().min(1).optional();

export const rentingSchema = z.object({
  RUNPOD_API_KEY: text,
  LAMBDA_API_KEY: text,
  VASTAI_API_KEY: text,
  RUNPOD_API_URL: address,
  LAMBDA_API_URL: address,
  VASTAI_API_URL: address,
  TUNEPLANE_TRAINER_IMAGE: z
    .string()
    .regex(/^[a-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}$/, 'must name an image by its digest, host/name@sha256:...')
    .optional(),
  TUNEPLANE_TRAINER_CUDA: z
    .string()
    .regex(/^\d+\.\d+$/, 'must be a version of CUDA, 13.0')
    .default('13.0'),
  TUNEPLANE_REGISTRY_USERNAME: text,
  TUNEPLANE_REGISTRY_PASSWORD: text,
  TUNEPLANE_UNVERIFIED_HOSTS: z.enum(['0', '1']).default('0'),
  TUNEPLANE_ARTIFACTS: z
    .string()
    .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.-]+)*\/?$/, 'must be s3://bucket or s3://bucket/prefix')
    .optional(),
  TUNEPLANE_GRANT_ROLE: text,
  AWS_ACCESS_KEY_ID: text,
  AWS_SECRET_ACCESS_KEY: text,
  AWS_SESSION_TOKEN: text,
  AWS_REGION: text,
  AWS_DEFAULT_REGION: text,
  AWS_ENDPOINT_URL: address,
  AWS_ENDPOINT_URL_S3: address,
  AWS_ENDPOINT_URL_STS: address,
});
type RentingVariables = z.infer<typeof rentingSchema>;

export interface RentingSettings {
  /** run folders lie there; null: in the home */
  readonly store: StoreSettings | null;
  /** null: none was named, and nothing can be rented */
  readonly image: {
    readonly reference: string;
    readonly cuda: string;
    readonly registry: { readonly host: string; readonly username: string; readonly password: string } | null;
  } | null;
  readonly allowUnverified: boolean;
  /** of every provider that has a key */
  readonly providers: readonly { readonly name: RentingProvider; readonly key: string; readonly url: string | null }[];
  /** by provider, the settings that it lacks; a provider that is not here lacks none */
  readonly missing: Readonly<Partial<Record<RentingProvider, string>>>;
}

export function readRenting(variables: RentingVariables): RentingSettings {
  const store = readStore(variables);
  const image = readImage(variables);
  const shared = [
    ...(image === null ? ['TUNEPLANE_TRAINER_IMAGE (by digest)'] : []),
    ...(store === null ? ['TUNEPLANE_ARTIFACTS (s3://bucket/prefix, where machines elsewhere find their runs)'] : []),
  ];
  const lacking = RENTING_PROVIDERS.map((name) => [name, [...(variables[KEYS[name]] ? [] : [KEYS[name]]), ...shared]] as const);
  return {
    store,
    image,
    allowUnverified: variables.TUNEPLANE_UNVERIFIED_HOSTS === '1',
    providers: RENTING_PROVIDERS.flatMap((name) => {
      const key = variables[KEYS[name]];
      return key === undefined ? [] : [{ name, key, url: variables[ADDRESSES[name]]?.replace(/\/+$/, '') ?? null }];
    }),
    missing: Object.fromEntries(
      lacking.filter(([, settings]) => settings.length > 0).map(([name, settings]) => [name, `set ${settings.join(', ')}`]),
    ),
  };
}

function readStore(variables: RentingVariables): StoreSettings | null {
  const { TUNEPLANE_ARTIFACTS: uri, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = variables;
  if (uri === undefined) return null;
  const { AWS_SESSION_TOKEN: sessionToken } = variables;
  return {
    uri,
    region: variables.AWS_REGION ?? variables.AWS_DEFAULT_REGION ?? 'us-east-1',
    endpoint: variables.AWS_ENDPOINT_URL_S3 ?? variables.AWS_ENDPOINT_URL ?? null,
    tokenEndpoint: variables.AWS_ENDPOINT_URL_STS ?? variables.AWS_ENDPOINT_URL ?? null,
    credentials: accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } : null,
    grantRole: variables.TUNEPLANE_GRANT_ROLE ?? null,
  };
}

function readImage(variables: RentingVariables): RentingSettings['image'] {
  const { TUNEPLANE_TRAINER_IMAGE: reference, TUNEPLANE_REGISTRY_USERNAME: username, TUNEPLANE_REGISTRY_PASSWORD: password } = variables;
  if (reference === undefined) return null;
  const first = reference.split('/')[0] ?? '';
  const host = /[.:]/.test(first) ? first : 'docker.io';
  return { reference, cuda: variables.TUNEPLANE_TRAINER_CUDA, registry: username && password ? { host, username, password } : null };
}
