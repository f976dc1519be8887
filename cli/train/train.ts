/** `train`: from what was asked for to a plan, from the plan to a run, and along with it to its end. */
import { storeDataset } from '../data/store-dataset.ts';
import { CommandFailure, EXIT, Interrupted, usageFailure } from '../exit-code.ts';
import { attachTo, describeEnd, describeNext } from '../follow/attach.ts';
import type { PlaneClient } from '../plane/plane-client.ts';
import { getProject, startProjectRun } from '../plane/projects.ts';
import { getRun } from '../plane/runs.ts';
import { type Config, getConfig, type Plan, planRun, startRun } from '../plane/sft.ts';
import type { Session } from '../session.ts';
import { paintState } from '../text/run-words.ts';
import { layOver } from './assignments.ts';
import { type FoundData, findData } from './find-data.ts';
import { describePlan } from './plan-words.ts';
import { toProjectRun, withProjectDefaults } from './project-run.ts';
import { readSource } from './run-source.ts';

const DEFAULT_PROJECT = 'proj_default';

export interface TrainOrder {
  /** a configuration file, a saved configuration, or data */
  readonly source: string | null;
  /** what the options say; the data apart */
  readonly config: Config;
  readonly data: string | null;
  readonly project: string | null;
  readonly name: string | null;
  readonly isSure: boolean;
  readonly isDryRun: boolean;
  readonly isDetached: boolean;
}

interface Prepared {
  readonly config: Config;
  readonly plan: Plan;
  readonly data: FoundData;
}

/** @throws CommandFailure; Interrupted, which leaves a run that was started alone */
export async function train(session: Session, order: TrainOrder): Promise<void> {
  const plane = await session.plane();
  const prepared = await beforeTheStart(() => prepare(session, plane, order));
  if (prepared === null) return;
  const { config, plan, data } = prepared;
  const upload = data.upload && {
    file: data.upload.path,
    dataset: data.name,
    size_bytes: data.upload.sizeBytes,
    rows: data.upload.rows,
    sha256: data.upload.sha256,
  };
  if (order.isDryRun) return session.print('train', { plan, upload, run: null }, (colors) => colors.dim('a dry run: nothing was started'));
  const id = await handOver(session, () => start(plane, config, order));
  if (!order.isDetached) session.note(session.noteColors.bold(id));
  const run = order.isDetached ? await getRun(plane, id) : await attachTo(session, plane, id, null);
  session.print('train', { plan, upload, run }, (colors) =>
    order.isDetached
      ? `${colors.bold(id)}  ${paintState(run.state, colors)}\n${indent(describeNext(session, id))}`
      : describeEnd(run, session, colors),
  );
}

const indent = (text: string): string => text.replaceAll(/^/gm, '  ');

/** @returns null where its user said no */
async function prepare(session: Session, plane: PlaneClient, order: TrainOrder): Promise<Prepared | null> {
  const source = await readSource(plane, order.source, session.world);
  if (source.isData && order.data !== null)
    throw usageFailure(`data are named twice, '${order.source}' and --data '${order.data}': give one of them`);
  const isNamed = order.project !== null || order.name !== null;
  const whole = await wholeConfig(plane, layOver(source.config, order.config), isNamed, order.project);
  const data = await findDataOf(session, whole, source.folder, order.data, plane);
  const config = { ...whole, dataset_name: data.name };
  const { plan } = data;
  const given = await givenNames(plane, config);
  session.note(describePlan({ plan, data, given, origin: source.origin, project: order.project }, session.noteColors));
  refuseToFail(plan);
  if (order.isDryRun) return { config, plan, data };
  if (!order.isSure && !(await session.confirm('Start this run?', 'yes'))) {
    session.note('nothing was started');
    session.exitCode = EXIT.failed;
    return null;
  }
  if (data.upload === null) return { config, plan, data };
  await storeDataset(session, plane, data.name.replace(/^dataset:/, ''), data.upload);
  const planOfStored = await planRun(plane, config); // what could not be seen before the rows were there
  refuseToFail(planOfStored);
  return { config, data, plan: planOfStored };
}

/** @throws CommandFailure where the plane sees that a run would fail before it trains */
function refuseToFail({ failure }: Plan): void {
  if (failure)
    throw new CommandFailure(failure.code, `a run of this would fail before it trains: ${failure.message}`, { remedy: failure.remedy });
}

/** A project's defaults are laid under it; and since only the SFT API knows saved configurations, one is put in its place there. */
async function wholeConfig(plane: PlaneClient, config: Config, isNamed: boolean, projectId: string | null): Promise<Config> {
  if (!isNamed) return config;
  const { config_id: id, ...own } = config;
  const saved = typeof id === 'string' ? (await getConfig(plane, id)).config : {};
  const project = await getProject(plane, projectId ?? DEFAULT_PROJECT);
  return withProjectDefaults({ ...saved, ...own }, project);
}

async function findDataOf(
  session: Session,
  config: Config,
  folder: string | null,
  given: string | null,
  plane: PlaneClient,
): Promise<FoundData> {
  const planWith = (dataset: string | undefined): Promise<Plan> =>
    planRun(plane, dataset === undefined ? config : { ...config, dataset_name: dataset });
  if (given !== null) return findData(given, session.world.workingFolder, planWith);
  const { dataset_name: named } = config;
  if (typeof named === 'string' && folder !== null) return findData(named, folder, planWith);
  if (named === undefined && config['config_id'] === undefined)
    throw usageFailure('there is nothing to train on: give a configuration file, or --data', '"tuneplane train --help" has examples');
  const plan = await planWith(undefined); // the plane's own names
  return { name: plan.dataset, plan, upload: null };
}

/** What counts as given: of a saved configuration, its fields. */
async function givenNames(plane: PlaneClient, config: Config): Promise<Config> {
  const { config_id: id } = config;
  return typeof id === 'string' ? { ...(await getConfig(plane, id)).config, ...config } : config;
}

function start(plane: PlaneClient, config: Config, { project, name }: TrainOrder): Promise<string> {
  if (project === null && name === null) return startRun(plane, config);
  return startProjectRun(plane, project ?? DEFAULT_PROJECT, toProjectRun(config, name));
}

/** An answer is waited for even at Ctrl-C; where none comes, nobody here knows whether there is a run. */
async function handOver(session: Session, startIt: () => Promise<string>): Promise<string> {
  try {
    return await startIt();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`interrupted while the run was handed over: "${session.sayCommand('ls -n 1')}" says whether it was accepted`);
  }
}

/** Ctrl-C before there is a run leaves nothing behind. */
async function beforeTheStart<T>(prepareIt: () => Promise<T>): Promise<T> {
  try {
    return await prepareIt();
  } catch (error) {
    throw error instanceof Interrupted ? new Interrupted('nothing was started') : error;
  }
}
