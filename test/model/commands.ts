/** What users, trainers and machines may do, each with the model beside it. */
import fc from 'fast-check';
import { expect } from 'vitest';
import type { Answer, ModelledPlane } from './modelled-plane.ts';
import { end, isOver, look, lose, type ModelledRun, newRun, pause, resume, save, start, stop, submit } from './modelled-run.ts';
import { MANAGEMENT, ORCHESTRATOR, OURS, SFT, VIEWS } from './views.ts';

export interface Model {
  readonly projects: string[];
  readonly runs: ModelledRun[];
  readonly deleted: string[];
  /** job names, taken for ever */
  readonly names: Set<string>;
}

type Command = fc.AsyncCommand<Model, ModelledPlane>;
const MAX_RUNS = 3;
const BASE = 'tiny-llama';
const DATASET = './rows.jsonl';

/** A command by its parts; after it every API must say of the run what the model says. */
function command(
  name: string,
  check: (model: Model) => boolean,
  act: (model: Model, plane: ModelledPlane) => Promise<ModelledRun | undefined>,
): Command {
  return {
    check,
    run: async (model, plane) => {
      const run = await act(model, plane);
      if (run) await expectSameEverywhere(run, plane);
      await expectSameLists(model, plane);
    },
    toString: () => name,
  };
}

export async function expectSameEverywhere(run: ModelledRun, plane: ModelledPlane): Promise<void> {
  const said = await Promise.all(VIEWS.map(async ({ path, field }) => (await plane.call('GET', path(run.id, run.project))).body[field]));
  expect(Object.fromEntries(VIEWS.map(({ api }, index) => [api, said[index]]))).toEqual(
    Object.fromEntries(VIEWS.map(({ api, words }) => [api, words[run.standing]])),
  );
}

async function expectSameLists(model: Model, plane: ModelledPlane): Promise<void> {
  const newestFirst = model.runs.toReversed();
  const sft = await plane.call('GET', '/api/sft/jobs');
  const jobs = await plane.call('GET', '/api/training/jobs');
  const ours = await plane.call('GET', '/runs?state=running');
  expect(sft.body.jobs.map(({ job_id, status }: { job_id: string; status: string }) => [job_id, status])).toEqual(
    newestFirst.map(({ id, standing }) => [id, SFT[standing]]),
  );
  expect(jobs.body.total).toBe(model.runs.length);
  expect(jobs.body.jobs.map(({ job_id, state }: { job_id: string; state: string }) => [job_id, state])).toEqual(
    newestFirst.map(({ id, standing }) => [id, ORCHESTRATOR[standing]]),
  );
  expect(ours.body.items.map(({ id }: { id: string }) => id)).toEqual(
    newestFirst.filter(({ standing }) => OURS[standing] === 'running').map(({ id }) => id),
  );
  for (const project of model.projects) {
    const { run_counts } = (await plane.call('GET', `/projects/${project}`)).body;
    const counts = { queued: 0, running: 0, paused: 0, completed: 0, failed: 0, cancelled: 0 };
    for (const { standing } of model.runs.filter((run) => run.project === project))
      counts[MANAGEMENT[standing] as keyof typeof counts] += 1;
    expect(run_counts).toEqual(counts);
  }
}

const statusOf = ({ status, body }: Answer): string => `${status} ${status < 400 ? '' : JSON.stringify(body)}`.trim();

// Creations

const hasRoom = ({ runs }: Model): boolean => runs.length < MAX_RUNS;

function create(
  name: string,
  ask: (model: Model, plane: ModelledPlane) => Promise<Answer>,
  project: (model: Model) => string,
  submitted = true,
): Command {
  return command(name, hasRoom, async (model, plane) => {
    const answer = await ask(model, plane);
    expect(answer.status, statusOf(answer)).toBeLessThan(300);
    const run = newRun({ id: answer.body.job_id ?? answer.body.id, project: project(model), folder: null, submitted });
    model.runs.push(run);
    return run;
  });
}

const inDefault = (): string => 'proj_default';
const newestProject = ({ projects }: Model): string => projects.at(-1) ?? 'proj_default';

const creations: fc.Arbitrary<Command>[] = [
  fc.constant(
    create(
      'sft: train',
      (_, plane) => plane.call('POST', '/api/sft/train', { config: { base_model: BASE, dataset_name: DATASET } }),
      inDefault,
    ),
  ),
  fc.constant(create('training-svc: train a session', (_, plane) => plane.call('POST', '/train/lora', { session_id: 's-1' }), inDefault)),
  fc.constant(
    create(
      'orchestrator: create',
      (_, plane) => plane.call('POST', '/api/training/jobs', { base_model: BASE, dataset: DATASET }),
      inDefault,
      false,
    ),
  ),
  fc.constant(
    create(
      'management: create a run',
      (model, plane) =>
        plane.call('POST', `/projects/${newestProject(model)}/runs`, { dataset: DATASET, model_parameters: { base_model: BASE } }),
      newestProject,
    ),
  ),
  fc
    .tuple(fc.constantFrom('poems', 'tales'), fc.constantFrom(undefined, 'first', 'second'), fc.boolean())
    .map(([runId, jobName, goesOn]) => unifiedJob(runId, jobName, goesOn)),
  fc.constant(
    command(
      'management: create a project',
      ({ projects }) => projects.length < 4,
      async (model, plane) => {
        const { status, body } = await plane.call('POST', '/projects', { name: 'a project' });
        expect(status).toBe(201);
        model.projects.push(body.id);
        return undefined;
      },
    ),
  ),
];

/** A name is taken for ever, a folder while a run of it lives, and what lies in it is not trained over. */
function unifiedJob(runId: string, jobName: string | undefined, goesOn: boolean): Command {
  const said = `unified trainer: train ${runId}${jobName ? ` as ${jobName}` : ''}${goesOn ? ', going on' : ''}`;
  return command(said, hasRoom, async (model, plane) => {
    const name = jobName ?? `hf-${runId}`;
    const inFolder = model.runs.filter(({ folder }) => folder === runId);
    const saved = inFolder.filter((run) => run.hasSavedItself);
    const isTaken = model.names.has(name) || inFolder.some((run) => !isOver(run)) || (saved.length > 0 && !goesOn);

    const answer = await plane.call('POST', '/train', {
      framework: 'hf',
      model_id: BASE,
      run_id: runId,
      checkpoint_base_uri: './runs',
      dataset_uri: DATASET,
      resume_from_checkpoint: goesOn,
      ...(jobName && { job_name: jobName }),
    });

    expect(answer.status, statusOf(answer)).toBe(isTaken ? 400 : 201);
    if (isTaken) return undefined;
    model.names.add(name);
    const origin = saved.toSorted((a, b) => (a.savedStep ?? 0) - (b.savedStep ?? 0)).at(-1);
    if (origin) origin.isPinned = true;
    const run = newRun({
      id: answer.body.job_id,
      project: 'proj_default',
      folder: runId,
      submitted: true,
      savedStep: origin?.savedStep ?? null,
    });
    model.runs.push(run);
    return run;
  });
}

// Requests about a run

/** @param which of the runs there are, or of those that were deleted when there are none */
const pickFrom = ({ runs }: Model, which: number): ModelledRun | undefined => runs[which % Math.max(1, runs.length)];
const anyRun = fc.nat({ max: MAX_RUNS - 1 });

function request(
  name: string,
  path: (run: ModelledRun) => string,
  change: (run: ModelledRun) => boolean,
  { taken, refused, body }: { readonly taken: number; readonly refused: number; readonly body?: unknown },
): fc.Arbitrary<Command> {
  return anyRun.map((which) =>
    command(
      `${name} ${which}`,
      (model) => pickFrom(model, which) !== undefined,
      async (model, plane) => {
        const run = pickFrom(model, which);
        if (!run) return undefined;
        const answer = await plane.call('POST', path(run), body);
        expect(answer.status, statusOf(answer)).toBe(change(run) ? taken : refused);
        return run;
      },
    ),
  );
}

const orchestrated = (verb: string) => (run: ModelledRun) => `/api/training/jobs/${run.id}/${verb}`;
const requests: fc.Arbitrary<Command>[] = [
  request('orchestrator: submit', orchestrated('submit'), submit, { taken: 200, refused: 400, body: { provider: 'local' } }),
  request('orchestrator: cancel', orchestrated('cancel'), stop, { taken: 200, refused: 400 }),
  request('orchestrator: pause', orchestrated('pause'), pause, { taken: 200, refused: 400 }),
  request('orchestrator: resume', orchestrated('resume'), resume, { taken: 200, refused: 400 }),
  request('management: cancel', ({ id, project }) => `/projects/${project}/runs/${id}/cancel`, stop, { taken: 200, refused: 409 }),
  request('sft: stop', ({ id }) => `/api/sft/jobs/${id}/stop`, stop, { taken: 200, refused: 409 }),
  request('runs: stop', ({ id }) => `/runs/${id}/stop`, stop, { taken: 200, refused: 409 }),
  request('runs: pause', ({ id }) => `/runs/${id}/pause`, pause, { taken: 200, refused: 409 }),
  request('runs: resume', ({ id }) => `/runs/${id}/resume`, resume, { taken: 200, refused: 409 }),
  ...[tagNewest, resumeFromNewest, remove].map((act) => anyRun.map(act)),
];

const checkpointId = async (plane: ModelledPlane, { id, project }: ModelledRun): Promise<string> => {
  const { body } = await plane.call('GET', `/projects/${project}/runs/${id}/artifacts`);
  const checkpoints = body.items.filter(({ type }: { type: string }) => type === 'checkpoint');
  return checkpoints.at(-1)?.id ?? 'none';
};

function tagNewest(which: number): Command {
  return command(
    `management: tag a checkpoint of ${which}`,
    (model) => pickFrom(model, which) !== undefined,
    async (model, plane) => {
      const run = pickFrom(model, which);
      if (!run) return undefined;
      const id = await checkpointId(plane, run);
      const answer = await plane.call('POST', `/projects/${run.project}/runs/${run.id}/artifacts/${id}/tag`, { tag: 'candidate' });
      expect(answer.status, statusOf(answer)).toBe(run.hasSavedItself ? 200 : 404);
      run.isTagged ||= run.hasSavedItself;
      return run;
    },
  );
}

function resumeFromNewest(which: number): Command {
  return command(
    `management: a new run from a checkpoint of ${which}`,
    (model) => hasRoom(model) && pickFrom(model, which) !== undefined,
    async (model, plane) => {
      const source = pickFrom(model, which);
      if (!source) return undefined;
      const id = await checkpointId(plane, source);
      const answer = await plane.call('POST', `/projects/${source.project}/runs/${source.id}/resume?source_artifact_id=${id}`, {});
      expect(answer.status, statusOf(answer)).toBe(source.hasSavedItself ? 201 : 404);
      if (!source.hasSavedItself) return source;
      source.isPinned = true;
      const run = newRun({ id: answer.body.id, project: source.project, folder: null, submitted: true, savedStep: source.savedStep });
      model.runs.push(run);
      return run;
    },
  );
}

/** Gone for every API at once, or kept for all. */
function remove(which: number): Command {
  return command(
    `runs: delete ${which}`,
    (model) => pickFrom(model, which)?.folder === null,
    async (model, plane) => {
      const run = pickFrom(model, which);
      if (!run) return undefined;
      const mayGo = isOver(run) && !run.isTagged && !run.isPinned;
      const answer = await plane.call('DELETE', `/runs/${run.id}`);
      expect(answer.status, statusOf(answer)).toBe(mayGo ? 204 : 409);
      if (!mayGo) return run;
      model.runs.splice(model.runs.indexOf(run), 1);
      model.deleted.push(run.id);
      for (const { path } of VIEWS) expect((await plane.call('GET', path(run.id, run.project))).status).toBe(404);
      return undefined;
    },
  );
}

// The world

function happening(
  name: string,
  mayHappen: (run: ModelledRun) => boolean,
  change: (run: ModelledRun, plane: ModelledPlane) => Promise<void>,
): fc.Arbitrary<Command> {
  return anyRun.map((which) => {
    const find = (model: Model): ModelledRun | undefined => {
      const run = pickFrom(model, which);
      return run && mayHappen(run) ? run : undefined;
    };
    return command(
      `${name} ${which}`,
      (model) => find(model) !== undefined,
      async (model, plane) => {
        const run = find(model);
        if (run) await change(run, plane);
        return run;
      },
    );
  });
}

const isTraining = ({ trainer }: ModelledRun): boolean => trainer === 'claimed';
const world: fc.Arbitrary<Command>[] = [
  happening(
    'the plane looks at',
    () => true,
    async (run, plane) => {
      look(run);
      await plane.look(run.id);
    },
  ),
  happening(
    'the trainer starts on',
    ({ trainer }) => trainer === 'launched',
    async (run, plane) => {
      start(run);
      await plane.start(run.id);
    },
  ),
  happening('the trainer saves', isTraining, async (run, plane) => {
    save(run);
    await plane.save(run.id, run.savedStep ?? 0);
  }),
  ...(['done', 'broken'] as const).map((outcome) =>
    happening(`the trainer is ${outcome}, or ends as asked:`, isTraining, async (run, plane) => {
      const asked = run.standing === 'stopping' ? 'stopped' : run.pauseAsked ? 'paused' : null;
      end(run, outcome);
      await plane.end(run.id, asked ?? (outcome === 'done' ? 'completed' : 'failed'));
    }),
  ),
  happening(
    'the machine is lost of',
    ({ trainer }) => trainer !== 'none',
    async (run, plane) => {
      lose(run);
      await plane.lose(run.id);
    },
  ),
];

/** The world does most, so that runs get somewhere. */
export const commands: fc.Arbitrary<Command>[] = [...creations, ...requests, ...world, ...world];
