/** What a worker says of its machine: GPUs, memory, engines, and the base models that lie in its cache. */
import { readdirSync } from 'node:fs';
import { hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import type { WorkerReport } from '#domain/worker.ts';
import { runsByCores } from '../environment.ts';
import { type EngineSettings, findEngines } from '../find-engines.ts';
import { findGpus, type Gpu } from '../find-gpus.ts';

const GIGA = 1e9;
const MAX_BASES = 200;
/** GPUs do not come and go every second, and asking for them takes a while. */
const GPUS_KEPT_MILLIS = 60_000;

export interface MachineSettings extends EngineSettings {
  readonly home: string;
  readonly maxRuns: number | null;
}

type MachineFacts = Pick<WorkerReport, 'host' | 'slots' | 'gpus' | 'memoryGb' | 'engines' | 'bases'>;

export function readMachine(settings: MachineSettings): MachineFacts {
  const { home, maxRuns } = settings;
  const gpus = recentGpus();
  return {
    host: hostname(),
    slots: maxRuns ?? (gpus.length || runsByCores()),
    gpus,
    memoryGb: Math.round(totalmem() / GIGA),
    engines: findEngines(settings, gpus.length > 0),
    bases: findBases(join(home, 'cache')),
  };
}

let known: { readonly gpus: Gpu[]; readonly at: number } | null = null;

function recentGpus(): Gpu[] {
  if (known === null || Date.now() - known.at > GPUS_KEPT_MILLIS) known = { gpus: findGpus(), at: Date.now() };
  return known.gpus;
}

/** The hub's own layout, `models--owner--name` (huggingface_hub, "Understand caching"); `tiny-llama-<hash>` is ours. */
export function findBases(cache: string): string[] {
  const hub = namesIn(join(cache, 'huggingface', 'hub')).flatMap((name) =>
    name.startsWith('models--') ? [name.slice('models--'.length).replaceAll('--', '/')] : [],
  );
  const tiny = namesIn(cache).some((name) => /^tiny-llama-[0-9a-f]+$/.test(name)) ? ['tiny-llama'] : [];
  return [...tiny, ...hub.sort()].slice(0, MAX_BASES);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // nothing was cached yet
  }
}
