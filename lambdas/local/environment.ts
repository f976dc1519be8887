/** The settings of the one-machine home, from the environment. All faults come in one message; nobody else reads `process.env`. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import * as z from 'zod';
import { type RentingSettings, readRenting, rentingSchema } from './renting-environment.ts';

const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d+$/, 'must be a whole number').transform(Number).pipe(z.int().min(min).max(max));

const environmentSchema = rentingSchema.extend({
  PORT: wholeNumber(0, 65_535).default(8_000),
  TUNEPLANE_HOME: z.string().min(1).default('.tuneplane'),
  TUNEPLANE_DATA_ROOT: z.string().min(1).default('.'),
  TUNEPLANE_MAX_RUNS: wholeNumber(0, 1_024).optional(),
  TUNEPLANE_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an http or https address' }).optional(),
  TRAINER_API_TOKEN: z.string().min(1).optional(),
  TUNEPLANE_REPORT_SECONDS: z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number of seconds')
    .transform(Number)
    .pipe(z.number().min(0.05).max(60))
    .optional(),
  TUNEPLANE_STALL_SECONDS: wholeNumber(1, 86_400).default(900),
  TUNEPLANE_SWEEP_SECONDS: wholeNumber(1, 3_600).default(60),
  TUNEPLANE_TRAINER_PYTHON: z.string().min(1).optional(),
  TUNEPLANE_ENGINE: z.string().min(1).optional(),
  TUNEPLANE_SECRETS: z
    .string()
    .regex(/^(\s*[A-Za-z0-9][A-Za-z0-9._-]{0,127}=[A-Za-z_][A-Za-z0-9_]*\s*(,|$))*$/, 'must be name=VARIABLE, name=VARIABLE ...')
    .default(''),
});

/** What the trainer may see of the plane's environment: nothing that is the plane's own, its token least of all. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TMPDIR',
  'TZ',
  'LD_LIBRARY_PATH',
  'SSL_CERT_FILE',
  'HTTPS_PROXY',
  'https_proxy',
  'NO_PROXY',
  'no_proxy',
  'AWS_ENDPOINT_URL_S3', // a private address of the store, that a worker reaches and others do not
  'HF_TOKEN',
  'HF_HOME',
  'HF_ENDPOINT',
  'HF_HUB_OFFLINE',
  'WANDB_API_KEY',
  'WANDB_MODE',
  'TUNEPLANE_TRUST_REMOTE_CODE',
  'TUNEPLANE_CACHE_BYTES',
  'TUNEPLANE_SCRIPT',
  'TUNEPLANE_NEMO_PYTHON',
];

export interface LocalEnvironment {
  readonly port: number;
  /** absolute */
  readonly home: string;
  /** absolute: data sets, base models and output folders lie below it */
  readonly dataRoot: string;
  /** null: by GPUs, else by cores */
  readonly maxRuns: number | null;
  readonly token: string | null;
  /** where machines elsewhere reach this plane; null: they do not */
  readonly publicUrl: string | null;
  /** null: 1, or where run folders lie in a store as seldom as it costs little */
  readonly reportSeconds: number | null;
  /** between two looks at what is rented */
  readonly sweepSeconds: number;
  readonly renting: RentingSettings;
  readonly stallSeconds: number;
  /** null: the one that `npm run setup` made */
  readonly trainerPython: string | null;
  /** a JSON array: the command that replaces the training engine (tests) */
  readonly engineCommand: string | null;
  /** the operator's secrets that runs may name, by name */
  readonly secrets: Readonly<Record<string, string>>;
  /** variables that the trainer's processes get as they are */
  readonly passedOn: Readonly<Record<string, string>>;
}

/** @throws Error naming every variable that is wrong and what it may hold */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>>, workingFolder: string): LocalEnvironment {
  const parsed = environmentSchema.safeParse(variables);
  if (!parsed.success) {
    throw new Error(
      parsed.error.issues
        .map((issue) => `${issue.path.join('.')}: ${issue.message.toLowerCase()}, got '${variables[String(issue.path[0])]}'`)
        .join('\n'),
    );
  }
  const { data } = parsed;
  return {
    port: data.PORT,
    home: resolve(workingFolder, data.TUNEPLANE_HOME),
    dataRoot: resolve(workingFolder, data.TUNEPLANE_DATA_ROOT),
    maxRuns: data.TUNEPLANE_MAX_RUNS ?? null,
    token: data.TRAINER_API_TOKEN ?? null,
    publicUrl: data.TUNEPLANE_PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    reportSeconds: data.TUNEPLANE_REPORT_SECONDS ?? null,
    sweepSeconds: data.TUNEPLANE_SWEEP_SECONDS,
    renting: readRenting(data),
    stallSeconds: data.TUNEPLANE_STALL_SECONDS,
    trainerPython: data.TUNEPLANE_TRAINER_PYTHON ?? null,
    engineCommand: data.TUNEPLANE_ENGINE ?? null,
    secrets: readSecrets(data.TUNEPLANE_SECRETS, variables),
    passedOn: Object.fromEntries(PASSED_ON.flatMap((name) => (variables[name] === undefined ? [] : [[name, variables[name]]]))),
  };
}

/** `hf-team=HF_TEAM_TOKEN`: the secret's name, and the variable of the plane that holds it. @throws Error naming variables that are not set */
function readSecrets(list: string, variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = list
    .split(',')
    .map((pair) => pair.trim().split('=', 2))
    .flatMap(([name, variable]) => (name && variable ? [[name, variable] as const] : []));
  const unset = pairs.filter(([, variable]) => !variables[variable]).map(([, variable]) => variable);
  if (unset.length > 0) throw new Error(`TUNEPLANE_SECRETS: ${unset.join(', ')} ${unset.length > 1 ? 'are' : 'is'} not set`);
  return Object.fromEntries(pairs.map(([name, variable]) => [name, variables[variable] ?? '']));
}

/** One run for each two cores: a run is one busy thread and its supervisor, and the plane wants some too. */
export const runsByCores = (): number => Math.max(1, Math.floor(availableParallelism() / 2));
