/** Values that only the plane or this machine knows, by the name of the argument or option that takes them. Who cannot be asked now has none. */
import type { PlaneClient } from '../plane/plane-client.ts';
import type { Session } from '../session.ts';
import { describeAge } from '../text/words.ts';
import type { Candidate, Completion } from './complete-words.ts';

/** Nobody waits longer for a TAB. */
const PATIENCE_MILLIS = 1_500;
const RUNS_SHOWN = 50;

type Finder = (session: Session) => Promise<readonly Candidate[]>;

async function planeOf(session: Session): Promise<PlaneClient> {
  const plane = await session.plane();
  plane.answerMillis = PATIENCE_MILLIS;
  plane.patienceMillis = 0;
  return plane;
}

const runs: Finder = async (session) => {
  const [plane, { listRuns }] = await Promise.all([planeOf(session), import('../plane/runs.ts')]);
  const { items } = await listRuns(plane, { limit: RUNS_SHOWN });
  const found = items.map(({ id, state, base_model, dataset, created_at }) => ({
    word: id,
    about: `${state}, ${base_model} on ${dataset}, ${describeAge(created_at, Date.now())} ago`,
  }));
  return [{ word: 'last', about: 'the newest run' }, ...found];
};

const configs: Finder = async (session) => {
  const [plane, { listConfigs }] = await Promise.all([planeOf(session), import('../plane/sft.ts')]);
  return (await listConfigs(plane)).map(({ name, config_id }) => ({ word: name, about: `saved configuration ${config_id}` }));
};

const datasets: Finder = async (session) => {
  const [plane, { listDatasets }] = await Promise.all([planeOf(session), import('../plane/places.ts')]);
  return (await listDatasets(plane, 100)).items.map(({ uri, rows }) => ({ word: uri, about: rows === null ? '' : `${rows} rows` }));
};

const projects: Finder = async (session) => {
  const [plane, { listProjects }] = await Promise.all([planeOf(session), import('../plane/projects.ts')]);
  return (await listProjects(plane)).map(({ id, name }) => ({ word: id, about: name }));
};

const profiles: Finder = async (session) => {
  const { readProfiles } = await import('../settings/profiles.ts');
  return Object.entries((await readProfiles(session.world.variables)).profiles).map(([word, { url }]) => ({ word, about: url }));
};

const CANDIDATES: Readonly<Record<string, { readonly find?: Finder; readonly takesFiles?: true }>> = {
  run: { find: runs },
  artifact: { find: runs },
  source: { find: configs, takesFiles: true },
  config: { find: configs },
  data: { find: datasets, takesFiles: true },
  project: { find: projects },
  profile: { find: profiles },
  file: { takesFiles: true },
  output: { takesFiles: true },
  home: { takesFiles: true },
  dataRoot: { takesFiles: true },
};

export async function candidatesOf(session: Session, name: string): Promise<Completion> {
  const { find, takesFiles = false } = CANDIDATES[name] ?? {};
  if (!find) return { candidates: [], takesFiles };
  try {
    return { candidates: await find(session), takesFiles };
  } catch {
    return { candidates: [], takesFiles }; // a plane that is away, or settings that are wrong, have nothing to offer
  }
}
