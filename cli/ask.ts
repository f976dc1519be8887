/** `npm run ask -- <run id> "question" ...`: base and tuned model side by side. The plane need not run. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readEnvironment } from '../lambdas/local/environment.ts';

const REPOSITORY = join(import.meta.dirname, '..');
const USAGE = 'usage: npm run ask -- <run id> "question" ["question" ...]';

export async function ask(args: readonly string[]): Promise<number> {
  const [runId, ...questions] = args;
  if (runId === undefined || questions.length === 0 || runId.startsWith('-')) throw new Error(USAGE);
  const { home, trainerPython } = readEnvironment(process.env, process.cwd());
  const artifacts = join(home, 'artifacts', 'runs', runId, 'framework=hf', 'artifacts', runId);
  const folder = [join(artifacts, 'adapter'), join(artifacts, 'model')].find((path) => existsSync(path));
  if (!/^run_[0-9a-z]{26}$/.test(runId))
    throw new Error(`'${runId}' is no run id: they look like run_01jd... (GET /api/sft/jobs lists them)`);
  if (!folder) throw new Error(`run '${runId}' has no adapter in ${home}: is it completed, and is TUNEPLANE_HOME the right one?`);

  const python = trainerPython ?? join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
  console.error('loading the model (about 15 s) ...');
  const child = spawn(python, ['-m', 'trainer.ask', '--adapter', folder, '--cache', join(home, 'cache'), ...questions], {
    cwd: join(REPOSITORY, 'trainer-image'),
    stdio: 'inherit',
    env: { ...process.env, OMP_NUM_THREADS: process.env['OMP_NUM_THREADS'] ?? '1', TOKENIZERS_PARALLELISM: 'false' },
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
