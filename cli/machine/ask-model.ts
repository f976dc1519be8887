/** Base and tuned model side by side, on this machine. The plane need not run where its home is here; else the adapter is fetched from it once. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { idPattern } from '#domain/ids.ts';
import { readEnvironment } from '../../lambdas/local/environment.ts';
import { downloadFile } from '../artifacts/download-file.ts';
import { CommandFailure, EXIT, usageFailure } from '../exit-code.ts';
import { findRunId } from '../plane/find-run.ts';
import { PlaneAway } from '../plane/plane-errors.ts';
import { listArtifacts } from '../plane/runs.ts';
import type { Session } from '../session.ts';
import { REPOSITORY } from './repository.ts';

const RESULTS = ['adapter', 'model'] as const;
const RUN_ID = idPattern('run');

export async function askModel(session: Session, reference: string, questions: readonly string[]): Promise<void> {
  const { variables, workingFolder } = session.world;
  const { home, trainerPython } = readEnvironment(variables, workingFolder);
  if (reference !== 'last' && !RUN_ID.test(reference))
    throw usageFailure(`'${reference}' is no run id: they look like run_01jd... (GET /api/sft/jobs lists them)`);
  const folder = (reference === 'last' ? null : findHere(home, reference)) ?? (await fetchResult(session, home, reference));
  const python = trainerPython ?? join(REPOSITORY, 'trainer-image', '.venv', 'bin', 'python');
  if (!existsSync(python))
    throw new CommandFailure('trainer_missing', `the trainer is not installed here: there is no ${python}`, {
      remedy: 'run "npm run setup"',
    });
  session.note('loading the model (about 15 s) ...');
  const words = [
    '-m',
    'trainer.ask',
    '--adapter',
    folder,
    '--cache',
    join(home, 'cache'),
    ...(session.isJson ? ['--json'] : []),
    '--',
    ...questions,
  ];
  const code = await run(python, words, {
    ...variables,
    OMP_NUM_THREADS: variables['OMP_NUM_THREADS'] ?? '1',
    TOKENIZERS_PARALLELISM: 'false',
  });
  if (code !== 0) session.exitCode = EXIT.failed;
}

const findHere = (home: string, runId: string): string | null =>
  RESULTS.map((kind) => join(home, 'artifacts', 'runs', runId, 'framework=hf', 'artifacts', runId, kind)).find((path) =>
    existsSync(path),
  ) ?? null;

/** Kept in the cache of its user: a result never changes. */
async function fetchResult(session: Session, home: string, reference: string): Promise<string> {
  const plane = await session.plane();
  try {
    const id = await findRunId(plane, reference);
    const here = findHere(home, id);
    if (here !== null) return here;
    const result = (await listArtifacts(plane, id)).find(({ type }) => RESULTS.some((kind) => kind === type));
    if (!result)
      throw new CommandFailure('artifact_not_found', `run '${id}' has no adapter at ${plane.url}`, {
        remedy: `is it completed? "tuneplane show ${id}" says`,
      });
    const cache = join(cacheFolder(session), 'results', id);
    for (const file of result.files) await downloadFile(plane, file, join(cache, file.path), () => {});
    return join(cache, result.type);
  } catch (error) {
    if (!(error instanceof PlaneAway)) throw error;
    throw new CommandFailure('artifact_not_found', `run '${reference}' has no adapter in ${home}, and ${error.message}`, {
      remedy: 'is it completed, and is TUNEPLANE_HOME the right one?',
      cause: error,
    });
  }
}

/** Source: XDG Base Directory Specification 0.8. */
function cacheFolder({ world: { variables } }: Session): string {
  const given = variables['XDG_CACHE_HOME'];
  return join(given?.startsWith('/') ? given : join(variables['HOME'] ?? homedir(), '.cache'), 'tuneplane');
}

function run(program: string, words: readonly string[], variables: Readonly<Record<string, string | undefined>>): Promise<number> {
  const child = spawn(program, words, { cwd: join(REPOSITORY, 'trainer-image'), stdio: 'inherit', env: { ...variables } });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
