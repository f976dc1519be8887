/** Variables that a request may set for its trainer, and those it may not. */
import * as z from 'zod';
import { CLIENT_NAME } from './ids.ts';

/** Whatever changes how programs load, where credentials come from, or what the plane itself sets. */
const REFUSED = [
  /^LD_/,
  /^DYLD_/,
  /^PYTHON/,
  /^PATH$/,
  /^AWS_/,
  /^NODE_/,
  /^BASH_/,
  /^(ENV|IFS|SHELL|SHELLOPTS|HOME|TMPDIR|USER|LOGNAME)$/,
  /^PERL/,
  /^RUBY/,
  /^GLIBC_/,
  /^MALLOC_/,
  /^GCONV_/,
  /^TUNEPLANE_/,
  /^CUDA_VISIBLE_DEVICES$/,
  /^TRAINER_API_TOKEN$/,
  /^(OMP_NUM_THREADS|HF_HOME|WANDB_DIR)$/,
];

/** @returns why the name is refused, or null */
export function refusalOf(name: string): string | null {
  const upper = name.toUpperCase();
  return REFUSED.some((pattern) => pattern.test(upper)) ? 'is set by the plane or changes how programs load, and may not be given' : null;
}

const MAX_VARIABLES = 100;
/** 100 variables of 4 KB are more than any job needs, and fit into the request's 128 KiB only one by one. */
export const environmentSchema = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/),
    z
      .string()
      .max(4_096)
      .refine((value) => !value.includes('\0'), 'must not hold NUL'),
  )
  .superRefine((values, context) => {
    const names = Object.keys(values);
    if (names.length > MAX_VARIABLES)
      context.addIssue({ code: 'custom', message: `must hold at most ${MAX_VARIABLES} variables, got ${names.length}` });
    for (const name of names) {
      const refusal = refusalOf(name);
      if (refusal) context.addIssue({ code: 'custom', path: [name], message: refusal });
    }
  })
  .meta({
    description: 'variables for the trainer; kept encrypted, and never shown again',
    example: { EXPERIMENT_NAME: 'demo' },
    maxProperties: MAX_VARIABLES,
  });

const MAX_SECRETS = 20;

/** Variables by the names of secrets that the operator allows; what they hold is read when the trainer starts, and never shown. */
export const secretNamesSchema = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), z.string().regex(CLIENT_NAME))
  .superRefine((names, context) => {
    const count = Object.keys(names).length;
    if (count > MAX_SECRETS) context.addIssue({ code: 'custom', message: `must hold at most ${MAX_SECRETS} secrets, got ${count}` });
    for (const name of Object.keys(names)) {
      const refusal = refusalOf(name);
      if (refusal) context.addIssue({ code: 'custom', path: [name], message: refusal });
    }
  })
  .meta({
    description: 'variables for the trainer, each the name of a secret that the operator allows',
    example: { HF_TOKEN: 'hf-team' },
    maxProperties: MAX_SECRETS,
    available: 'secrets',
  });

/** What a read shows in place of values. */
export const SEALED_VALUE = '(set)';
