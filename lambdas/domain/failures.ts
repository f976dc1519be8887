/**
 * Why a run failed, as a closed list: whose doing it is, whether the plane tries again, and what a person does about it.
 * The trainer sends a code and a sentence of its own; the remedy stands here. One table decides retries:
 *
 *   never     the same input would fail again
 *   once      may have been chance: one more attempt from the last valid checkpoint
 *   go-on     the machine's doing, not the run's: attempts go on, until three in a row brought no new checkpoint
 *   elsewhere the machine cannot do it and another may: attempts go on elsewhere, until ten in a row brought no new checkpoint
 */
import * as z from 'zod';

type Retry = 'never' | 'once' | 'go-on' | 'elsewhere';
interface FailureKind {
  readonly owner: 'user' | 'platform';
  readonly retry: Retry;
  readonly remedy: string;
}

export const FAILURES = {
  spec_invalid: {
    owner: 'platform',
    retry: 'never',
    remedy: 'the trainer is of another version than the plane: run "npm run setup", or deploy both together',
  },
  dataset_not_found: { owner: 'user', retry: 'never', remedy: 'check the name; local paths are taken relative to the data root' },
  dataset_outside_root: {
    owner: 'user',
    retry: 'never',
    remedy: 'put the file below the data root (TUNEPLANE_DATA_ROOT); links may not lead out of it',
  },
  data_row_invalid: { owner: 'user', retry: 'never', remedy: 'correct that row and submit again; nothing was trained' },
  dataset_format_unknown: {
    owner: 'user',
    retry: 'never',
    remedy: 'name dataset_format: alpaca, messages, prompt_completion, trajectory_completion, preference or text',
  },
  all_rows_truncated: {
    owner: 'user',
    retry: 'never',
    remedy: 'raise max_seq_length, or shorten what is asked: of an answer that lies beyond it nothing can be learned',
  },
  data_unreachable: {
    owner: 'user',
    retry: 'never',
    remedy: 'configure an object store, or give a local path or a Hugging Face dataset id',
  },
  data_changed: {
    owner: 'user',
    retry: 'never',
    remedy: 'a run goes on only with the bytes it began with: restore the file, or start a new run',
  },
  model_not_found: { owner: 'user', retry: 'never', remedy: 'check base_model; "tiny-llama" is always there' },
  model_not_supported: {
    owner: 'user',
    retry: 'never',
    remedy: 'use framework "hf", which trains any causal language model of the hub, or a base that this engine knows',
  },
  model_gated: { owner: 'user', retry: 'never', remedy: 'ask for access on the model page, then submit again' },
  hub_token_missing: { owner: 'user', retry: 'never', remedy: 'set HF_TOKEN to a token with read access' },
  hub_unreachable: {
    owner: 'platform',
    retry: 'never',
    remedy: 'this machine cannot reach the Hugging Face hub: use tiny-llama or a stored path, or restore the connection',
  },
  no_chat_template: {
    owner: 'user',
    retry: 'never',
    remedy: 'give chat_template, choose an instruction-tuned base, or use alpaca or prompt_completion rows',
  },
  tokenizer_mismatch: {
    owner: 'user',
    retry: 'never',
    remedy: 'give a base whose tokenizer is its own: it knows more tokens than the model has embeddings',
  },
  unsafe_weights: {
    owner: 'user',
    retry: 'never',
    remedy: 'store the base as safetensors (model.save_pretrained writes them): a pickle can run code, and is never opened here',
  },
  remote_code_refused: {
    owner: 'user',
    retry: 'never',
    remedy: 'ask the operator to allow this model by name in TUNEPLANE_TRUST_REMOTE_CODE, or choose a base that transformers itself knows',
  },
  secret_missing: { owner: 'user', retry: 'never', remedy: 'ask the operator to allow the secret, or give the value in env' },
  no_compute: { owner: 'user', retry: 'never', remedy: 'ask for what is there, or configure a provider that has it' },
  engine_missing: { owner: 'user', retry: 'never', remedy: 'choose another framework, method or peft method, or install the engine' },
  program_missing: { owner: 'user', retry: 'never', remedy: 'an image of your own must hold train.py in the folder that it starts in' },
  report_unavailable: {
    owner: 'user',
    retry: 'never',
    remedy: 'set WANDB_API_KEY in env (or WANDB_MODE to offline) and install the extra "wandb", or submit without report_to',
  },
  no_hypernetwork: {
    owner: 'user',
    retry: 'never',
    remedy: 'train one first: a run with peft_method "hypernetwork" on this base',
  },
  trainer_missing: { owner: 'platform', retry: 'never', remedy: 'run "npm run setup" to install the trainer' },
  quantization_unavailable: { owner: 'platform', retry: 'never', remedy: 'install bitsandbytes, or submit with use_qlora false' },
  host_out_of_memory: { owner: 'user', retry: 'never', remedy: 'lower batch_size or max_seq_length, or use a larger machine' },
  no_gpu: {
    owner: 'platform',
    retry: 'once',
    remedy: 'the machine shows no GPU though one was asked for: start the container with its GPUs (--gpus all), or ask for none',
  },
  gpu_driver_too_old: {
    owner: 'platform',
    retry: 'never',
    remedy: 'install a newer NVIDIA driver on the machine, or use a trainer image with an older CUDA',
  },
  nccl_timeout: {
    owner: 'platform',
    retry: 'once',
    remedy: 'one of the ranks did not keep up twice: the log says which; look at its machine and at the network between them',
  },
  cuda_oom: {
    owner: 'user',
    retry: 'never',
    remedy: 'lower batch_size or max_seq_length (raise gradient_accumulation_steps), or use use_qlora',
  },
  disk_full: {
    owner: 'platform',
    retry: 'never',
    remedy: 'free space on the disk that the sentence names, then resume: the checkpoints are whole',
  },
  diverged: { owner: 'user', retry: 'never', remedy: 'lower learning_rate, or raise warmup_ratio' },
  checkpoint_invalid: { owner: 'platform', retry: 'never', remedy: 'resume from an earlier checkpoint' },
  resume_refused: {
    owner: 'user',
    retry: 'never',
    remedy: 'resume with the base, adapter shape and data of the checkpoint, or start a new run',
  },
  artifact_unusable: {
    owner: 'platform',
    retry: 'never',
    remedy:
      'what was stored is of no use, or nothing was: the last checkpoint is there, resume from it; a train.py leaves its result in TUNEPLANE_OUTPUT',
  },
  artifacts_corrupt: {
    owner: 'platform',
    retry: 'never',
    remedy: 'the stored files differ from what the trainer wrote: check the disk, then submit again',
  },
  engine_crashed: { owner: 'user', retry: 'never', remedy: 'read the last log lines; the same input would fail again' },
  trainer_error: { owner: 'platform', retry: 'never', remedy: 'read the last log lines, and report it if they do not explain it' },
  image_unavailable: {
    owner: 'platform',
    retry: 'once',
    remedy: 'check that the image is there under its digest, and that the machines may pull it',
  },
  waited_too_long: { owner: 'platform', retry: 'never', remedy: 'no capacity came in the time allowed: try again later or ask for less' },
  stalled: { owner: 'platform', retry: 'once', remedy: 'the engine stood still twice: the log holds the stacks of all threads' },
  engine_killed: { owner: 'platform', retry: 'once', remedy: 'something killed the engine twice: look at the machine, memory first' },
  supervisor_lost: {
    owner: 'platform',
    retry: 'go-on',
    remedy: 'the trainer was killed three times without a new checkpoint: look at the machine',
  },
  machine_unfit: {
    owner: 'platform',
    retry: 'elsewhere',
    remedy: 'ten rented machines in a row could not do it: name another gpu_type or region, or another provider',
  },
  interrupted: {
    owner: 'platform',
    retry: 'go-on',
    remedy: 'the machine was taken away three times without a new checkpoint: save more often, or use on-demand machines',
  },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURES;
export const FAILURE_CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

/** Codes of the first release under the names that they have now: runs of that time, and trainers of that time, still speak them. */
const RENAMED: Readonly<Record<string, FailureCode>> = { dataset_invalid: 'data_row_invalid', gpu_out_of_memory: 'cuda_oom' };
const toPresentCode = (code: string): string => (Object.hasOwn(RENAMED, code) ? (RENAMED[code] ?? code) : code);

/** A code as it is stored; one of an older spelling is read as the present one. */
const failureCodeSchema = z.preprocess((code) => (typeof code === 'string' ? toPresentCode(code) : code), z.enum(FAILURE_CODES));

/** How often each code was seen, by code. */
export const failuresSeenSchema = z.preprocess(
  (seen) =>
    typeof seen === 'object' && seen !== null
      ? Object.fromEntries(Object.entries(seen).map(([code, times]) => [toPresentCode(code), times]))
      : seen,
  z.partialRecord(z.enum(FAILURE_CODES), z.int()),
);

export const failureSchema = z.object({
  code: failureCodeSchema,
  message: z.string(),
  remedy: z.string(),
  evidence: z.array(z.string()).meta({ description: 'the last log lines' }),
});
export type Failure = z.infer<typeof failureSchema>;

/** A failure in full. A code that this plane does not know (a newer trainer) is kept in the sentence, as `trainer_error`. */
export function makeFailure(code: string, message: string, evidence: readonly string[] = []): Failure {
  const present = toPresentCode(code);
  const known = FAILURE_CODES.find((candidate) => candidate === present);
  return {
    code: known ?? 'trainer_error',
    message: known ? message : `${code}: ${message}`,
    remedy: FAILURES[known ?? 'trainer_error'].remedy,
    evidence: [...evidence],
  };
}

/** How many attempts in a row may end without a new checkpoint before `go-on` gives up. */
export const FRUITLESS_ATTEMPTS = 3;
/** Of one recorded account 7 of 8 machines showed no GPU to the container. */
const UNFIT_MACHINES = 10;

/** @param fruitless attempts in a row, this one included, that ended for the machine's sake without a new checkpoint */
export function mayRetry(code: FailureCode, timesSeen: number, fruitless: number): boolean {
  const retry: Retry = FAILURES[code].retry;
  if (retry === 'once') return timesSeen < 2;
  if (retry === 'elsewhere') return fruitless < UNFIT_MACHINES;
  return retry === 'go-on' && fruitless < FRUITLESS_ATTEMPTS;
}
