/** The frameworks that this machine can train with. A hypernetwork needs no more than the trainer itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SupervisorSettings } from './supervisor-processes.ts';

export type EngineSettings = Pick<SupervisorSettings, 'python' | 'trainerFolder' | 'passedOn'>;

/** NeMo Automodel trains on NVIDIA GPUs only, and has an environment of its own (trainer-image/nemo/pyproject.toml). */
export function findEngines({ python, trainerFolder, passedOn }: EngineSettings, hasGpus: boolean): string[] {
  if (!existsSync(python)) return [];
  const nemo = passedOn['TUNEPLANE_NEMO_PYTHON'] ?? join(trainerFolder, 'nemo', '.venv', 'bin', 'python');
  return hasGpus && existsSync(nemo) ? ['hf', 'meta', 'nemo'] : ['hf', 'meta'];
}
