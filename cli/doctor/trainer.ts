/** The trainer's own Python, its packages, and the GPUs that it would find. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from '../machine/repository.ts';
import type { Check, Finding } from './check.ts';
import { failed, note, ok, warning } from './check.ts';
import { versionOf } from './programs.ts';

const SETUP = 'run "npm run setup": once, 3 GB to download, 6 GB of disk';
/** Without importing them: torch alone takes seconds. */
const VERSIONS = 'import importlib.metadata as m; print(" ".join(f"{n} {m.version(n)}" for n in ("torch", "transformers", "trl", "peft")))';

export const checkTrainer: Check = {
  name: 'trainer',
  find: async ({ variables }) => Promise.all([checkPackages(variables), checkGpus(variables)]),
};

async function checkPackages(variables: Readonly<Record<string, string | undefined>>): Promise<Finding> {
  const own = join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
  const python = variables['TUNEPLANE_TRAINER_PYTHON'] || own;
  if (!existsSync(python))
    return failed('trainer', `there is no ${python}`, python === own ? SETUP : 'correct TUNEPLANE_TRAINER_PYTHON, or unset it');
  const versions = await versionOf(python, ['-c', VERSIONS], variables);
  if (versions === null) return failed('trainer', `${python} lacks torch, transformers, trl or peft`, SETUP);
  if (python === own && !(await isUpToDate())) return warning('trainer', `${versions}, installed from another lock than this one`, SETUP);
  return ok('trainer', versions);
}

/** As `bin/bootstrap.mjs` marks what it installed. */
async function isUpToDate(): Promise<boolean> {
  const folder = join(REPOSITORY, 'trainer-image');
  const [marker, lock, project] = await Promise.all(
    [join(folder, '.venv', '.tuneplane-installed'), join(folder, 'uv.lock'), join(folder, 'pyproject.toml')].map((path) =>
      readFile(path).catch(() => null),
    ),
  );
  if (!marker || !lock || !project) return false;
  return marker.toString('utf8').startsWith(createHash('sha256').update(lock).update(project).digest('hex'));
}

async function checkGpus(variables: Readonly<Record<string, string | undefined>>): Promise<Finding> {
  const found = await versionOf('nvidia-smi', ['--query-gpu=index,name,memory.total,driver_version', '--format=csv,noheader'], variables);
  if (found === null || found === '')
    return note('gpu', 'no NVIDIA GPU here: runs train on the CPU', 'for a tiny model it is enough; elsewhere see "tuneplane providers"');
  return ok('gpu', found.split('\n').join('; '));
}
