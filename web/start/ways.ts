/** The ways to start a run that the form offers: each is one operation of the plane's public APIs. Pure. */
import { type Recipe, toAssignments } from '../plane/recipe.ts';
import type { RunDetail } from '../plane/wire.ts';

export type WayName = 'sft' | 'project' | 'session';

export interface Way {
  readonly name: WayName;
  readonly label: string;
  readonly operationId: string;
  /** @param project id of the project that was chosen */
  readonly recipe: (body: unknown, project: string) => Recipe;
  /** where the id of the new run stands in the answer */
  readonly idField: 'job_id' | 'id';
}

export const WAYS: readonly Way[] = [
  {
    name: 'sft',
    label: 'on its own (SFT API)',
    operationId: 'startSftJob',
    recipe: (body) => ({
      method: 'POST',
      path: '/api/sft/train',
      body,
      command: ['train', '-d', '-y', ...configWords(Object(Object(body).config))],
    }),
    idField: 'job_id',
  },
  {
    name: 'project',
    label: 'in a project (management API)',
    operationId: 'createProjectRun',
    recipe: (body, project) => ({
      method: 'POST',
      path: `/projects/${encodeURIComponent(project)}/runs`,
      body,
      command: ['train', '-d', '-y', '--project', project, ...projectRunWords(Object(body))],
    }),
    idField: 'id',
  },
  {
    name: 'session',
    label: 'on a stored session (training-svc)',
    operationId: 'trainLora',
    recipe: (body) => ({ method: 'POST', path: '/train/lora', body }),
    idField: 'job_id',
  },
];

/** A configuration of the SFT API as options of `train`. */
export function configWords({ base_model, dataset_name, ...config }: Readonly<Record<string, unknown>>): string[] {
  return [...option('--base', base_model), ...option('--data', dataset_name), ...toAssignments(config)];
}

function projectRunWords({
  name,
  dataset,
  model_parameters,
  hyperparameters,
  description: _,
  ...others
}: Readonly<Record<string, unknown>>): string[] {
  const { base_model, peft_method, ...ofModel } = Object(model_parameters);
  return [
    ...option('--name', name),
    ...option('--base', base_model),
    ...option('--data', dataset),
    ...option('--peft', peft_method),
    ...toAssignments({ ...ofModel, ...Object(hyperparameters), ...others }),
  ];
}

const option = (word: string, value: unknown): string[] => (value === undefined ? [] : [word, String(value)]);

export const wayOf = (name: string): Way => {
  const way = WAYS.find((candidate) => candidate.name === name) ?? WAYS[0];
  if (way === undefined) throw new Error('there is no way to start a run'); // cannot be: the list is not empty
  return way;
};

/**
 * The request that would make the same run again: as it was asked for where this form asks so too, else as it was resolved.
 * @returns the way, and its body
 */
export function cloneOf(run: RunDetail): { readonly way: WayName; readonly body: unknown } {
  if (run.api === 'sft') return { way: 'sft', body: { config: run.request } };
  if (run.api === 'management' && typeof run.request['dataset'] === 'string') return { way: 'project', body: run.request };
  return {
    way: 'sft',
    body: {
      config: {
        base_model: run.base_model,
        dataset_name: run.dataset,
        method: run.method,
        ...(run.peft_method === 'qlora' && { use_qlora: true }),
        ...(run.peft_method === 'full' && { use_lora: false }),
        ...run.parameters,
      },
    },
  };
}
