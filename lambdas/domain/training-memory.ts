/**
 * How much GPU memory a run needs, from what is known before anything is loaded: the size that stands in the base's name, and the
 * hyperparameters. It is an estimate with its sum, made to ask for a machine; the trainer fits the micro-batch to what is there.
 *
 *   weights        2 bytes a parameter in bf16; 4 bit and their constants are 0.6
 *   optimizer      full: gradient 2, master 4, Adam's two moments 8 (ZeRO, arXiv:1910.02054, section 3.1: 16 in all with the weights);
 *                  LoRA: the same 16 for the adapter alone. Llama 3.1 8B with r = 16 on every linear layer has 42 M adapter parameters,
 *                  0.52% of the base, and they grow with r
 *   activations    recomputed in the backward pass, so each layer keeps its input: batch x length x width x layers x 2 bytes, and one
 *                  layer's inside, about as much again. Width and depth from the size: P = 12 layers x width^2 with width = 128 x layers
 *   logits         batch x length x words x 6 bytes (bf16 and its float32 copy for the loss); Llama 3 knows 128,256 words
 *   the rest       1.5 GB of CUDA context and kernels, and a tenth of all for fragmentation
 */
import { nameOfBase } from './base-models.ts';
import type { Choice } from './hyperparameters.ts';
import type { Training } from './training.ts';

const GIGA = 1e9;
const ASSUMED_PARAMETERS = 8e9;
const VOCABULARY = 128_256;
const ADAPTER_SHARE_AT_16 = 0.0052;
const CUDA_GB = 1.5;
/** Bases without a size in their names: parameters, and words that they know. */
const KNOWN_BASES: Readonly<Record<string, readonly [number, number]>> = {
  'tiny-llama': [5e6, 4_096],
  distilgpt2: [82e6, 50_257],
  gpt2: [124e6, 50_257],
  'gpt2-medium': [355e6, 50_257],
  'gpt2-large': [774e6, 50_257],
  'gpt2-xl': [1.56e9, 50_257],
};

export interface MemoryEstimate {
  /** of all GPUs together */
  readonly gigabytes: number;
  readonly parameters: number;
  readonly choice: Choice;
}

export function estimateMemory({ baseModel, method, peftMethod, hyperparameters }: Training): MemoryEstimate {
  // A base that another run made is as large as the one below it.
  const name = nameOfBase(baseModel.kind === 'made' && baseModel.base !== null ? baseModel.base : baseModel);
  const size = sizeFromName(name);
  const parameters = size ?? ASSUMED_PARAMETERS;
  const isAdapter = peftMethod !== 'full';
  const weights = (parameters * (peftMethod === 'qlora' ? 0.6 : 2)) / GIGA;
  const trained = isAdapter ? parameters * ADAPTER_SHARE_AT_16 * (hyperparameters.loraR / 16) : parameters;
  const optimizer = (trained * (isAdapter ? 16 : 14)) / GIGA;
  const layers = Math.cbrt(parameters / (12 * 128 ** 2));
  const tokens = hyperparameters.batchSize * hyperparameters.maxSeqLength * (method === 'dpo' ? 2 : 1); // a pair is two rows
  const activations = (tokens * layers * 128 * layers * 2 * 2) / GIGA;
  const logits = (tokens * (KNOWN_BASES[name.toLowerCase()]?.[1] ?? VOCABULARY) * 6) / GIGA;
  const gigabytes = Math.ceil((weights + optimizer + activations + logits + CUDA_GB) * 1.1);
  const parts = [
    `weights ${show(weights)}`,
    `${isAdapter ? 'adapter and its optimizer' : 'gradients and optimizer'} ${show(optimizer)}`,
    `activations ${show(activations)}`,
    `logits ${show(logits)}`,
    `CUDA ${show(CUDA_GB)}`,
  ];
  const about = size === null ? `the size of '${name}' is not in its name, so 8 B parameters are assumed` : `${showSize(size)} parameters`;
  return {
    gigabytes,
    parameters,
    choice: {
      name: 'gpu_memory',
      value: `${gigabytes} GB`,
      reason: `${about}: ${parts.join(' + ')} GB, and a tenth; gpu_memory_gb overrules it`,
    },
  };
}

/** @returns how many parameters a base's name says that it has: `Llama-3.1-8B`, `Mixtral-8x7B`, `SmolLM2-135M`; null where it says nothing */
export function sizeFromName(name: string): number | null {
  const known = KNOWN_BASES[name.toLowerCase()];
  if (known !== undefined) return known[0];
  const [, times, number, unit] = /(?:^|[-_/. ])(?:(\d{1,2})x)?(\d{1,4}(?:\.\d{1,3})?)([bm])(?![a-z0-9])/i.exec(name) ?? [];
  if (number === undefined || unit === undefined) return null;
  return Number(times ?? 1) * Number(number) * (unit.toLowerCase() === 'b' ? 1e9 : 1e6);
}

/** Disk of a rented machine: image and cache, the base as the hub has it, its checkpoints (the newest two and one in the making), room to write. */
export function estimateDisk({ peftMethod, export: exports }: Pick<Training, 'peftMethod' | 'export'>, parameters: number): number {
  const model = (parameters * 2) / GIGA;
  const checkpoint = peftMethod === 'full' ? 7 * model : 0.1 * model; // weights, master and moments: 14 bytes a parameter
  const merged = [exports].flat().includes('merged') || peftMethod === 'full' ? model : 0;
  return Math.ceil(40 + model + 3 * checkpoint + merged);
}

const show = (gigabytes: number): string => gigabytes.toFixed(1);
const showSize = (parameters: number): string => (parameters >= 1e9 ? `${round(parameters / 1e9)} B` : `${round(parameters / 1e6)} M`);
const round = (value: number): string => String(Math.round(value * 100) / 100);
