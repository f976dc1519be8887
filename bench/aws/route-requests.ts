/** One good request for each route, in an order in which each finds what it needs. */
import { createHash } from 'node:crypto';
import { attemptName } from '#domain/run-folder.ts';
import type { EmulatedPlane } from './emulated-plane.ts';

export interface RouteRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** @returns what was answered, as JSON; null for another body */
export type Ask = (operationId: string, request?: RouteRequest) => Promise<Readonly<Record<string, unknown>>>;

const DATA = 'rows.jsonl';
const ROWS = '{"instruction": "a", "input": "", "output": "b"}\n'.repeat(20);

/** Calls every route once by its operation id, and whatever else it takes to have something to call it for. */
export async function askEveryRoute(world: EmulatedPlane, ask: Ask): Promise<void> {
  const { ports } = world.plane;
  await world.place(DATA, ROWS);
  const data = `s3://${world.bucket}/${DATA}`;
  const config = { base_model: 'tiny-llama', dataset_name: data, max_steps: 20 };
  const textOf = (answer: Readonly<Record<string, unknown>>, name: string): string => String(answer[name]);

  /** A run that trains. */
  const startLive = async (id: string): Promise<void> => {
    await world.settle(id);
    await world.noteJob(id, 'RUNNING');
    const trainer = world.trainer(id);
    await trainer.claim();
    await trainer.report('training', { step: 5 });
    await world.settle(id);
  };
  const newLive = async (): Promise<string> => {
    const id = textOf(await ask('startSftJob', { body: { config } }), 'job_id');
    await startLive(id);
    return id;
  };

  // Stored things.
  await ask('planSftJob', { body: { config } });
  await ask('putSession', { params: { session_id: 's-1' }, body: ROWS, headers: { 'content-type': 'application/jsonl' } });
  await ask('getSession', { params: { session_id: 's-1' } });
  await ask('listSessions');
  await ask('putTrajectory', {
    params: { trajectory_id: 't-1' },
    body: {
      messages: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    },
  });
  await ask('getTrajectory', { params: { trajectory_id: 't-1' } });
  await ask('listTrajectories');
  await ask('putDataset', { params: { name: 'rows' }, body: ROWS, headers: { 'content-type': 'application/jsonl' } });
  const sha256 = createHash('sha256').update(ROWS).digest('hex');
  await ask('openDatasetUpload', { params: { name: 'large' }, body: { sha256, size_bytes: ROWS.length } });
  await ask('listDatasets');
  await ask('previewDataset', { params: { name: 'rows' } });
  const { config_id } = await ask('saveSftConfig', { body: { name: 'mine', config } });
  await ask('listSftConfigs');
  await ask('getSftConfig', { params: { config_id: String(config_id) } });

  // A run that is over, with all that it left.
  const done = await newLive();
  const trainer = world.trainer(done);
  const folder = `runs/${done}/framework=hf`;
  const lines = Array.from({ length: 50 }, (_, index) => ({
    line: index + 1,
    timestamp: new Date().toISOString(),
    level: 'INFO',
    rank: 0,
    message: `line ${index + 1}`,
  }));
  const rows = lines.map(({ timestamp }, step) => ({ step, epoch: null, timestamp, loss: 1 / (step + 1) }));
  const toText = (all: readonly unknown[]): string => all.map((row) => `${JSON.stringify(row)}\n`).join('');
  await ports.artifacts.put(`${folder}/logs/${attemptName(done, 1)}-00000001.jsonl`, toText(lines));
  await ports.artifacts.put(`${folder}/metrics/${attemptName(done, 1)}-00000001.jsonl`, toText(rows));
  await trainer.checkpoint(10, { evalLoss: 0.7 });
  const counts = { logLines: lines.length, metricRows: rows.length, checkpoints: 1, samples: 0 };
  await trainer.report('training', { step: 10, counts });
  await world.settle(done);
  await trainer.finish('completed', { counts });
  await world.noteJob(done, 'SUCCEEDED');
  await world.settle(done);

  // Reads of it through every API.
  const byJob = { params: { job_id: done } };
  const byRun = { params: { run_id: done } };
  for (const operation of ['getTrainingJob', 'getOrchestratorJob', 'getOrchestratorJobStatus', 'getSftJob']) await ask(operation, byJob);
  await ask('getUnifiedTrainingJob', { params: { job_name: done } });
  for (const operation of ['getRun', 'listRunCheckpoints', 'listRunArtifacts', 'readRunLogs', 'listRunEvents']) await ask(operation, byRun);
  await ask('readRunMetrics', { ...byRun, query: { names: 'loss' } });
  await ask('getRunCheckpoint', { params: { run_id: done, name: 'step-000010' } });
  await ask('downloadRunFile', { params: { run_id: done, path: 'adapter/adapter_model.safetensors' } });
  await ask('downloadOrchestratorArtifact', byJob);
  for (const operation of ['listOrchestratorJobs', 'listSftJobs', 'listRuns', 'listProviders', 'listWorkers']) await ask(operation);
  await ask('issueOrchestratorTicket', { body: { job_id: done } });

  // The management API.
  const project = { name: 'demo', task_type: 'generation', base_model: 'tiny-llama' };
  const projectId = textOf(await ask('createProject', { body: project }), 'id');
  const inProject = { params: { project_id: projectId } };
  await ask('listProjects');
  await ask('getProject', inProject);
  await ask('editProject', { ...inProject, body: { name: 'renamed' } });
  const projectRun = textOf(await ask('createProjectRun', { ...inProject, body: { name: 'run-001', dataset: data } }), 'id');
  await startLive(projectRun);
  const byProjectRun = { params: { project_id: projectId, run_id: projectRun } };
  await ask('getProjectRun', byProjectRun);
  await ask('readProjectRunLogs', byProjectRun);
  const ofDone = { project_id: 'proj_default', run_id: done };
  const { items } = (await ask('listProjectRunArtifacts', { params: ofDone })) as { items: { id: string; type: string }[] };
  const checkpoint = String(items.find(({ id }) => id.startsWith('ckpt_'))?.id);
  await ask('tagProjectRunArtifact', { params: { ...ofDone, artifact_id: checkpoint }, body: { tag: 'candidate' } });
  await ask('resumeProjectRun', { params: ofDone, query: { source_artifact_id: checkpoint }, body: { name: 'again' } });
  await world.trainer(projectRun).checkpoint(6);
  await ask('cancelProjectRun', byProjectRun);

  // Creations through the other APIs, and orders to live runs.
  await ask('trainLora', { body: { session_id: 's-1' } });
  await ask('trainHypernetwork', { body: { trajectory_ids: ['t-1'] } });
  await ask('submitUnifiedTrainingJob', {
    body: {
      framework: 'hf',
      run_id: 'bench',
      model_id: 'tiny-llama',
      dataset_uri: data,
      checkpoint_base_uri: `s3://${world.bucket}/bases`,
    },
  });
  const created = textOf(await ask('createOrchestratorJob', { body: { base_model: 'tiny-llama', dataset: data } }), 'job_id');
  await ask('submitOrchestratorJob', { params: { job_id: created }, body: { provider: 'aws-batch' } });
  await startLive(created);
  await ask('requestCheckpoint', { params: { run_id: created } });
  await world.trainer(created).checkpoint(6);
  await ask('cancelOrchestratorJob', { params: { job_id: created } });
  const paused = async (operation: string, request: (id: string) => RouteRequest): Promise<string> => {
    const id = await newLive();
    await ask(operation, request(id));
    await world.trainer(id).finish('paused');
    await world.noteJob(id, 'SUCCEEDED');
    await world.settle(id);
    return id;
  };
  await ask('resumeOrchestratorJob', { params: { job_id: await paused('pauseOrchestratorJob', (id) => ({ params: { job_id: id } })) } });
  const other = await paused('pauseRun', (id) => ({ params: { run_id: id } }));
  await ask('resumeRun', { params: { run_id: other } });
  await ask('stopRun', { params: { run_id: other } });
  await ask('stopSftJob', { params: { job_id: await newLive() } });
  await ask('getAdapter', { params: { adapter_id: done } });

  // Machines.
  const claimed = textOf(await ask('startSftJob', { body: { config } }), 'job_id');
  await world.settle(claimed);
  const attempt = attemptName(claimed, 1);
  const bearer = (token: string) => ({ params: { attempt }, headers: { authorization: `Bearer ${token}` } });
  const { session_token } = await ask('claimAttempt', {
    ...bearer(await ports.machineTokens.issue('bootstrap', attempt)),
    body: { claim_id: `claim_${'a'.repeat(20)}`, host: 'machine', pid: 7 },
  });
  await ask('renewAttempt', bearer(String(session_token)));
  await ask('issueWorkerToken', { params: { worker: 'box' } });
  const machine = { instance: 'f'.repeat(32), host: 'machine', slots: 1, gpus: [], memory_gb: 16, engines: ['hf'], bases: [] };
  const look: RouteRequest = {
    params: { worker: 'box' },
    headers: { authorization: `Bearer ${await ports.machineTokens.issue('worker', 'box')}` },
    body: { ...machine, shares_folders: false, leaving: false, holding: [] },
  };
  await ask('lookForWork', look);

  await ask('deleteRun', { params: { run_id: textOf(await makeFinal(), 'id') } });
  await ask('collectGarbage', { body: { older_than_days: 30 } });

  /** A run that is over and has no tags. */
  async function makeFinal(): Promise<Readonly<Record<string, unknown>>> {
    const id = await newLive();
    await world.trainer(id).finish('completed');
    await world.noteJob(id, 'SUCCEEDED');
    await world.settle(id);
    return { id };
  }
}
