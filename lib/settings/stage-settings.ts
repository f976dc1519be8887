/**
 * All that an operator can say about a stage. Nothing has to be said: every field has a default, and a stage with an empty file, or none,
 * can be deployed. The schema is the documentation: `settings/stage.schema.json` and `settings/example.yaml` are made from it.
 */
import * as z from 'zod';
import { RENTING_PROVIDERS } from '#domain/providers.ts';
import { checkComputeClass, computeSettingsSchema, DEFAULT_CLASSES } from './compute-settings.ts';

const DIGEST = /@sha256:[0-9a-f]{64}$/;
const imageUri = z.string().regex(DIGEST, 'must name an image by digest: repository@sha256:<64 hexadecimal digits>');
const ACCOUNT = 'must be the 12 digits of an account, in quotes: without them YAML reads a number';
const account = z.string(ACCOUNT).regex(/^\d{12}$/, ACCOUNT);
const prefix = z
  .string()
  .regex(
    /^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/([A-Za-z0-9._/=-]+\/)?$/,
    "must be s3://bucket/ or s3://bucket/prefix/, with '/' at its end",
  );
const secretArn = z
  .string()
  .regex(/^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+$/, 'must be the ARN of a secret of Secrets Manager');
const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/:@-]{0,255}$/);

export const LOG_DAYS = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] as const;

const shape = {
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/)
    .optional()
    .describe('where everything lies; default: the region of your AWS profile'),
  account: account.optional().describe('refuses to deploy anywhere else; default: the account of your credentials'),
  network: z
    .enum(['public', 'nat'])
    .default('public')
    .describe(
      '`public`: a machine has a public IPv4 address while a job runs, and lets nobody in; nothing is paid by the hour. ' +
        '`nat`: machines have private addresses and leave through a NAT gateway, which costs about 37 USD a month with its address and 0.045 USD a GB; needed for several nodes',
    ),
  availabilityZones: z
    .int()
    .min(2)
    .max(6)
    .default(3)
    .describe('zones in which machines may be found: more find capacity sooner; at most what your account has in the region'),
  compute: z
    .array(computeSettingsSchema)
    .min(1)
    .max(12)
    .default(DEFAULT_CLASSES.map((one) => computeSettingsSchema.parse(one)))
    .describe('kinds of machines; a run gets the smallest that fits what it asks for'),
  image: z
    .union([z.literal('build'), imageUri])
    .default('build')
    .describe('the trainer: `build` makes it in your account from `trainer-image/` whenever that changes, or an image of yours by digest'),
  images: z
    .record(name, imageUri)
    .default({})
    .describe('further images that requests may name, by that name: each holds `train.py` (see trainer-image/README.md)'),
  storage: z
    .strictObject({
      data: z
        .array(prefix)
        .max(10)
        .default([])
        .describe("where training data and stored base models may be read; default: the plane's own bucket"),
      bases: z
        .array(prefix)
        .max(10)
        .default([])
        .describe("where users may have their run folders (`checkpoint_base_uri`); default: the plane's own bucket"),
    })
    .prefault({})
    .describe('prefixes of buckets, yours or others that let this account in'),
  secrets: z
    .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/), secretArn)
    .default({})
    .describe('secrets that runs may name (`secrets: {HF_TOKEN: hf-team}`), by that name'),
  oidc: z
    .strictObject({
      issuer: z
        .string()
        .regex(/^https:\/\/[^?#]+$/)
        .describe('whose tokens are taken; its keys are found at /.well-known/openid-configuration'),
      audience: z.string().min(1).describe('who the tokens must be for'),
    })
    .optional()
    .describe('people and programs may show a token of this issuer, beside the token of the plane, which is always there'),
  rentals: z
    .strictObject({
      keys: z
        .partialRecord(z.enum(RENTING_PROVIDERS), secretArn)
        .refine((keys) => Object.keys(keys).length > 0, `must name one of ${RENTING_PROVIDERS.join(', ')}`)
        .describe("by provider, the secret that holds your account's key"),
      image: imageUri.describe("the trainer, from a registry that the provider's machines reach: this account's is not one"),
      cuda: z
        .string()
        .regex(/^\d+\.\d+$/, 'must be a version of CUDA, 13.0')
        .default('13.0')
        .describe('that the image was built for; machines with an older driver are not taken'),
      registrySecret: secretArn.optional().describe('holds `{"username", "password"}` of that registry; default: anybody may pull from it'),
      allowUnverified: z.boolean().default(false).describe('also hosts that Vast.ai did not verify'),
    })
    .optional()
    .describe('machines of RunPod, Lambda Cloud and Vast.ai, beside AWS Batch; see docs/compute.md'),
  defaultModel: z.string().min(1).max(512).default('tiny-llama').describe('the base model of requests that may leave it out'),
  subscribers: z
    .array(account)
    .max(20)
    .default([])
    .describe('accounts on whose default event bus every event of the plane is put; see examples/events/'),
  allowedOrigins: z
    .array(z.string().regex(/^(\*|https?:\/\/[^/]+)$/, "must be '*' or https://host"))
    .max(20)
    .default([])
    .describe("browsers' pages that may call the APIs, beside the plane's own"),
  alertEmail: z.email().optional().describe('who is told of alarms; AWS asks that address to confirm'),
  runbook: z
    .string()
    .min(1)
    .max(500)
    .default('docs/runbook.md')
    .describe("where your people read docs/runbook.md; each alarm's text ends in a link to its article there"),
  logDays: z
    .int()
    .refine((days) => (LOG_DAYS as readonly number[]).includes(days), `must be one of ${LOG_DAYS.join(', ')}`)
    .default(30)
    .describe('how long logs of functions and machines are kept; the logs of runs are part of the run'),
  stallSeconds: z.int().min(1).max(86_400).default(900).describe('a trainer that stands still for so long is ended, and tried once more'),
  keepData: z
    .boolean()
    .default(true)
    .describe('table, bucket and secrets are protected, and stay when the stage is removed; false is for stages that you throw away'),
  deployWith: z
    .enum(['bootstrap-roles', 'own-credentials'])
    .default('bootstrap-roles')
    .describe('whose permissions CloudFormation works with: the roles of `cdk bootstrap`, or those of your own credentials'),
};

/**
 * What a function is told holds 4,096 bytes (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). Names of the plane's own
 * resources take 1,500 of them; the rest is for what settings say.
 */
export const ROOM_BYTES = 2_596;
/** Of a class, without its images; names that CloudFormation makes have up to 64 characters. */
const CLASS_BYTES = 265;
const DEFINITION_BYTES = 70;
/** The name of the one secret that settings may leave open, and `null`. */
const RENTAL_BYTES = 30;

export function toldBytes({
  compute,
  images,
  secrets,
  storage,
  allowedOrigins,
  oidc,
  rentals,
}: z.output<z.ZodObject<typeof shape>>): number {
  const definitions = ['trainer', ...Object.keys(images)].reduce((sum, image) => sum + image.length + DEFINITION_BYTES, 0);
  const texts = [...Object.entries(secrets).flat(), ...storage.data, ...storage.bases, ...allowedOrigins, ...Object.values(oidc ?? {})];
  const rented = rentals === undefined ? 0 : JSON.stringify(rentals).length + RENTAL_BYTES;
  return rented + compute.length * (CLASS_BYTES + definitions) + texts.reduce((sum, text) => sum + text.length + 1, 0);
}

export const stageSettingsSchema = z.strictObject(shape).superRefine((settings, context) => {
  const told = toldBytes(settings);
  if (told > ROOM_BYTES) {
    const message = `take too much room: functions can be told ${ROOM_BYTES} bytes of classes, images, secrets and places, these are ${told}; fewer classes or images`;
    context.addIssue({ code: 'custom', path: ['compute'], message });
  }
  const names = settings.compute.map((one) => one.name);
  settings.compute.forEach((one, index) => {
    if (names.indexOf(one.name) !== index)
      context.addIssue({ code: 'custom', path: ['compute', index, 'name'], message: `must be another one: '${one.name}' is taken` });
    for (const { field, message } of checkComputeClass(one, settings.network))
      context.addIssue({ code: 'custom', path: ['compute', index, field], message });
  });
  if ('trainer' in settings.images)
    context.addIssue({
      code: 'custom',
      path: ['images', 'trainer'],
      message: "must have another name: 'trainer' is the image of the setting `image`",
    });
});

export type StageSettings = z.output<typeof stageSettingsSchema>;

export const STAGE_NAME = /^[a-z][a-z0-9-]{0,19}$/;
