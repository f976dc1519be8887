/** Records for tests: whole and valid, so that a test names only what it is about. */
import { makeId } from '#domain/ids.ts';
import type { ComputeNeed, Run, RunEvent, RunProgress } from '#domain/run.ts';
import type { Training } from '#domain/training.ts';

/** 2026-01-01T00:00:00.000Z: where every test's clock begins. */
export const EPOCH = Date.UTC(2026, 0, 1);
export const EPOCH_TIME = new Date(EPOCH).toISOString();

export function aTraining(overrides: Partial<Training> = {}): Training {
  return {
    framework: 'hf',
    method: 'sft',
    peftMethod: 'lora',
    baseModel: { kind: 'tiny-llama' },
    dataset: { kind: 'files', uri: 'data/poems.jsonl', files: [] },
    datasetFormat: null,
    chatTemplate: null,
    samplePrompts: null,
    export: ['adapter'],
    hyperparameters: {
      maxSteps: 20,
      numEpochs: 3,
      batchSize: 4,
      gradientAccumulationSteps: 1,
      learningRate: 3e-3,
      lrScheduler: 'cosine',
      warmupRatio: 0.03,
      weightDecay: 0,
      maxSeqLength: 512,
      packing: false,
      loraR: 16,
      loraAlpha: 32,
      loraDropout: 0,
      targetModules: 'all-linear',
      evalSplit: 0.1,
      evalSteps: null,
      saveSteps: null,
      checkpointMinutes: 10,
      loggingSteps: 1,
      resultFrom: 'last',
      keepBest: 1,
      seed: 42,
      reportTo: [],
      wandbProject: null,
      datasetTextField: 'text',
      dataloaderWorkers: 0,
      dpoBeta: 0.1,
    },
    ...overrides,
  };
}

export const aComputeNeed = (overrides: Partial<ComputeNeed> = {}): ComputeNeed => ({
  nodes: 1,
  gpusPerNode: null,
  gpuType: null,
  gpuMemoryGb: null,
  region: null,
  spot: false,
  maxUsdPerHour: null,
  ...overrides,
});

/** A new run of version 1, as an operation would create it through the SFT API. */
export function aRun(overrides: Partial<Run> = {}): Run {
  const id = overrides.id ?? makeId('run', EPOCH);
  return {
    id,
    version: 1,
    state: 'created',
    api: 'sft',
    name: null,
    projectId: 'proj_default',
    provider: 'local',
    purpose: 'train',
    hypernetwork: null,
    adapterId: null,
    resumedFrom: null,
    metadata: {},
    folder: `runs/${id}/framework=hf`,
    outputDir: null,
    request: { base_model: 'tiny-llama', dataset_name: 'data/poems.jsonl' },
    secrets: {},
    training: aTraining(),
    compute: aComputeNeed(),
    maxRuntimeSeconds: 1_209_600,
    choices: [],
    createdAt: EPOCH_TIME,
    updatedAt: EPOCH_TIME,
    submittedAt: null,
    startedAt: null,
    completedAt: null,
    prepared: false,
    want: 'run',
    controlVersion: 0,
    stopRequestedAt: null,
    stopDetail: null,
    waiting: null,
    attempt: null,
    pastAttempts: [],
    failuresSeen: {},
    fruitlessAttempts: 0,
    computeSeconds: 0,
    lastLogAt: null,
    lastCheckpoint: null,
    checkpoints: [],
    checkpointRequest: 0,
    pinnedCheckpoints: [],
    isResultPinned: false,
    tags: {},
    samples: null,
    failure: null,
    result: null,
    ...overrides,
  };
}

/** The event that made this version of the run. */
export function anEvent(run: Run, overrides: Partial<RunEvent> = {}): RunEvent {
  return {
    runId: run.id,
    sequence: run.version,
    timestamp: run.updatedAt,
    type: run.version === 1 ? 'run-created' : 'state-changed',
    state: run.state,
    attempt: run.attempt?.number ?? null,
    code: null,
    message: `the run is ${run.state}`,
    data: {},
    ...overrides,
  };
}

/** A report of the trainer in the middle of its work. */
export function aProgress(overrides: Partial<RunProgress> = {}): RunProgress {
  return {
    attempt: 1,
    sequence: 1,
    workSequence: 1,
    controlVersion: 0,
    phase: 'training',
    phaseDetail: null,
    phaseFraction: null,
    step: 5,
    steps: 20,
    epoch: 0.75,
    metrics: { loss: 1.5, learning_rate: 3e-3 },
    etaSeconds: 12,
    counts: { logLines: 10, metricRows: 5, checkpoints: 0, samples: 0 },
    lastLogAt: EPOCH_TIME,
    seenAt: EPOCH_TIME,
    highestStep: 5,
    ...overrides,
  };
}
