/** The providers of rented machines that a stage uses, as one variable: empty where nothing is rented. */
import * as z from 'zod';
import { RENTING_PROVIDERS } from '#domain/providers.ts';

const provider = z.enum(RENTING_PROVIDERS);
const keys = z.partialRecord(provider, z.string().regex(/^arn:.+$/, 'must be the ARN of a secret'));

export const rentalSettingsSchema = z.strictObject({
  /** by provider, the secret that holds the account's key */
  keys,
  /** the trainer's image, by digest, from a registry that the provider's machines reach: that of the account is not one */
  image: z.string().regex(/^[a-z0-9][\w.:/-]*@sha256:[0-9a-f]{64}$/, 'must name an image by its digest, host/name@sha256:...'),
  /** the CUDA that it was built for: machines with an older driver are not taken */
  cuda: z
    .string()
    .regex(/^\d+\.\d+$/, 'must be a version of CUDA, 13.0')
    .default('13.0'),
  /** a secret with `{"username", "password"}` of the image's registry; null: anybody may pull it */
  registrySecretArn: z.string().nullable().default(null),
  /** also hosts that Vast.ai did not verify */
  allowUnverified: z.boolean().default(false),
  /** another address of a provider's API: a proxy, a test */
  addresses: z.partialRecord(provider, z.url()).default({}),
});

export type RentalSettings = z.infer<typeof rentalSettingsSchema>;
