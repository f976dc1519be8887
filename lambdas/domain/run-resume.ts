/** A run that goes on from another's checkpoint: the other's configuration as it was resolved, with what the request changes laid over it. */
import type { Problem } from './errors.ts';
import { type Hyperparameters, resolveHyperparameters, withoutAliases } from './hyperparameters.ts';
import type { Run } from './run.ts';
import { type FoundBase, planRun, type RequestPaths, type RunPlan, type RunRequest } from './run-request.ts';

export type ResumeChanges = { readonly [Field in keyof RunRequest]?: RunRequest[Field] | undefined };

/** @returns the plan, and every problem; with problems the plan must not be used. What a resume cannot change the trainer refuses, with both values. */
export function planResume(
  source: Pick<Run, 'training' | 'compute' | 'maxRuntimeSeconds' | 'choices'>,
  changes: ResumeChanges,
  at: RequestPaths,
  found: FoundBase | null = null,
): { plan: RunPlan; problems: Problem[] } {
  const { training } = source;
  const { plan, problems } = planRun(
    {
      ...changes,
      baseModel: changes.baseModel ?? 'tiny-llama',
      dataset: changes.dataset ?? 'unchanged',
      peftMethod: changes.peftMethod ?? training.peftMethod,
      framework: changes.framework ?? training.framework,
      method: changes.method ?? training.method,
      hyperparameters: changes.hyperparameters ?? {},
    },
    at,
    found,
  );
  const { values } = withoutAliases(changes.hyperparameters ?? {}, '');
  const { hyperparameters } = resolveHyperparameters(values, 'other', false);
  const changed = Object.fromEntries(
    Object.entries(hyperparameters).filter(([name]) => Object.hasOwn(values, toSnakeCase(name))),
  ) satisfies Partial<Hyperparameters>;
  return {
    problems,
    plan: {
      ...plan,
      training: {
        framework: plan.training.framework,
        method: changes.method ?? training.method,
        peftMethod: changes.peftMethod ?? training.peftMethod,
        baseModel: changes.baseModel === undefined ? training.baseModel : plan.training.baseModel,
        dataset: changes.dataset === undefined ? training.dataset : plan.training.dataset,
        datasetFormat: changes.dataset_format ?? training.datasetFormat,
        chatTemplate: changes.chat_template ?? training.chatTemplate,
        samplePrompts: changes.sample_prompts ?? training.samplePrompts,
        export: changes.export ?? training.export,
        hyperparameters: { ...training.hyperparameters, ...changed },
      },
      compute: changes.compute === undefined ? source.compute : plan.compute,
      maxRuntimeSeconds: changes.max_runtime ?? source.maxRuntimeSeconds,
      choices: source.choices.filter(({ name }) => !Object.hasOwn(values, name)),
    },
  };
}

const toSnakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
