/**
 * The environment of each kind of function, as one typed object: what the infrastructure has to set (`EnvironmentOf`, all of it text) and
 * what the code reads. A variable that is missing in a stack does not compile; one that is wrong ends the cold start, with every fault in
 * one message. Nobody else reads `process.env`. A function's whole environment holds 4 KB, so lists are short and names are names, not ARNs.
 */
import * as z from 'zod';
import { computeClassSchema, TRAINER_IMAGE } from './batch/compute-classes.ts';
import { rentalSettingsSchema } from './rental-settings.ts';
import { trainerBuildSchema } from './trainer-build.ts';

const given = z.string('must be set');
const text = given.min(1, 'must not be empty');
const wholeNumber = (min: number, max: number) =>
  given.regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.int().min(min).max(max));
const listOf = <Item extends z.ZodType<string, string>>(item: Item) =>
  given
    .transform((list) =>
      list
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item));

const url = given.regex(/^https?:\/\/[^/]+(\/[^/]+)*$/, "must be a URL without '/' at its end");
const storagePrefixes = listOf(
  z.string().regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/(.+\/)?$/, 'must be s3://bucket/ or s3://bucket/prefix/'),
);
const origins = listOf(z.string().regex(/^(\*|https?:\/\/[^/]+)$/, "must be '*' or https://host"));

/** `hf-team=arn:aws:secretsmanager:...`: names that runs may use, and where the value lies. */
const namedSecrets = listOf(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}=arn:.+$/, 'must be name=ARN')).transform((pairs) =>
  Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
);

const computeClasses = given
  .transform((json, context) => {
    try {
      return JSON.parse(json) as unknown;
    } catch {
      context.issues.push({ code: 'custom', message: 'must be JSON', input: json });
      return z.NEVER;
    }
  })
  .pipe(z.array(computeClassSchema));

/** JSON; empty where there is nothing of it. */
const optionalJson = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return text === '' ? null : (JSON.parse(text) as unknown);
      } catch {
        context.issues.push({ code: 'custom', message: 'must be JSON, or empty', input: text });
        return z.NEVER;
      }
    })
    .pipe(schema.nullable());

const STORE = { TUNEPLANE_TABLE: text };

/** What the operations need, whoever calls them. */
const PLANE = {
  ...STORE,
  TUNEPLANE_BUCKET: text,
  TUNEPLANE_STATE_MACHINE_ARN: text,
  TUNEPLANE_NUDGE_QUEUE_URL: text,
  TUNEPLANE_KEY_SECRET_ARN: text,
  /** what machines may become, cut down to one attempt */
  TUNEPLANE_GRANT_ROLE_ARN: text,
  /** where callers reach the plane */
  TUNEPLANE_URL: url,
  /** empty: the plane's own bucket */
  TUNEPLANE_STORAGE_DATA: storagePrefixes,
  TUNEPLANE_STORAGE_BASES: storagePrefixes,
  TUNEPLANE_SECRETS: namedSecrets,
  TUNEPLANE_COMPUTE_CLASSES: computeClasses,
  /** where the account builds the trainer's image: what, and by whom */
  TUNEPLANE_TRAINER_BUILD: optionalJson(trainerBuildSchema),
  /** where machines are rented elsewhere */
  TUNEPLANE_RENTALS: optionalJson(rentalSettingsSchema),
  TUNEPLANE_DEFAULT_BASE: text,
  TUNEPLANE_STALL_SECONDS: wholeNumber(1, 86_400),
};
const CALLERS = {
  TUNEPLANE_TOKEN_SECRET_ARN: text,
  TUNEPLANE_ALLOWED_ORIGINS: origins,
  /** both empty: the plane's own token alone is taken */
  TUNEPLANE_OIDC_ISSUER: given.regex(/^(https:\/\/\S+)?$/, 'must be https://..., or empty'),
  TUNEPLANE_OIDC_AUDIENCE: given,
};
const BUS = { TUNEPLANE_EVENT_BUS: text };
const SOCKETS = {
  /** of the WebSocket API's stage, https:// */
  TUNEPLANE_WEBSOCKET_ENDPOINT: url,
};

/** By kind of function. */
export const ENVIRONMENTS = {
  /** one for each API */
  api: z.object({ ...PLANE, ...CALLERS }),
  /** what no route takes */
  default: z.object({ TUNEPLANE_ALLOWED_ORIGINS: origins }),
  /** advance-run, nudges */
  work: z.object(PLANE),
  sweeper: z.object({ ...PLANE, ...SOCKETS, ...BUS }),
  stream: z.object({ ...STORE, ...SOCKETS, ...BUS, TUNEPLANE_URL: url }),
  websocket: z.object({ ...STORE, ...CALLERS, ...SOCKETS }),
  /** is told everything by CloudFormation */
  deployment: z.object({}),
} as const;

export type EnvironmentKind = keyof typeof ENVIRONMENTS;
/** What the infrastructure sets. */
export type EnvironmentOf<Kind extends EnvironmentKind> = z.input<(typeof ENVIRONMENTS)[Kind]>;
/** What the code reads. */
export type ReadEnvironment<Kind extends EnvironmentKind> = z.output<(typeof ENVIRONMENTS)[Kind]>;
export type PlaneEnvironment = ReadEnvironment<'work'>;

/** @throws Error naming every variable that is wrong, and what it may hold; never what it held, which may be a secret's name */
export function readEnvironment<Kind extends EnvironmentKind>(
  kind: Kind,
  variables: Readonly<Record<string, string | undefined>>,
): ReadEnvironment<Kind> {
  const parsed = ENVIRONMENTS[kind].safeParse(variables);
  if (parsed.success) return parsed.data as ReadEnvironment<Kind>;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message.toLowerCase()}`);
  throw new Error(`the environment of this ${kind} function is not what it must be: ${faults.join('; ')}`);
}

/** Images that requests may name, beside the trainer's own. */
export const allowedImages = ({ TUNEPLANE_COMPUTE_CLASSES }: Pick<PlaneEnvironment, 'TUNEPLANE_COMPUTE_CLASSES'>): string[] => [
  ...new Set(
    TUNEPLANE_COMPUTE_CLASSES.flatMap(({ jobDefinitions }) => Object.keys(jobDefinitions)).filter((image) => image !== TRAINER_IMAGE),
  ),
];
