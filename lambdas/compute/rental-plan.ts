/** What a run will ask of a rented machine and move over the network, each with its sum, before anything is rented. */
import type { Choice } from '#domain/hyperparameters.ts';
import type { Run } from '#domain/run.ts';
import { estimateDisk, estimateMemory } from '#domain/training-memory.ts';

const GIGA = 1e9;

export function planOf({ training, compute, resumedFrom }: Pick<Run, 'training' | 'compute' | 'resumedFrom'>): readonly Choice[] {
  const { choice, parameters } = estimateMemory(training);
  const memory: Choice =
    compute.gpuMemoryGb === null
      ? choice
      : {
          name: 'gpu_memory',
          value: `${compute.gpuMemoryGb} GB`,
          reason: `as asked for; the estimate is ${choice.value}: ${choice.reason}`,
        };
  const disk = {
    name: 'disk',
    value: `${estimateDisk(training, parameters)} GB`,
    reason: 'image and cache 40 GB, the base, three checkpoints, the result',
  };
  return [memory, disk, toEgress(training, parameters, resumedFrom !== null)];
}

/** What leaves the object store for the internet, which is what a store charges for: data, and a checkpoint where one is resumed from. A public base comes from the hub. */
function toEgress({ dataset, baseModel, peftMethod }: Run['training'], parameters: number, resumes: boolean): Choice {
  const data = dataset.kind === 'hub' ? 0 : dataset.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / GIGA;
  const checkpoint = resumes ? (parameters * (peftMethod === 'full' ? 14 : 0.1)) / GIGA : 0;
  const base = baseModel.kind === 'hub' ? 'the base comes from the hub and leaves no store' : 'the base is built or read on the machine';
  const parts = [`data ${show(data)}`, ...(resumes ? [`checkpoint ${show(checkpoint)}`] : [])];
  return { name: 'store_egress', value: `${show(data + checkpoint)} GB`, reason: `${parts.join(' + ')}, once for each attempt; ${base}` };
}

const show = (gigabytes: number): string => (gigabytes === 0 ? '0' : gigabytes < 0.01 ? 'below 0.01' : gigabytes.toFixed(2));
