/** A configuration of the SFT API in the words of the management API, whose runs have a project and a name. */
import { HYPERPARAMETER_ALIASES, hyperparameterFields } from '#domain/hyperparameters.ts';
import { usageFailure } from '../exit-code.ts';
import type { Project } from '../plane/projects.ts';
import type { Config } from '../plane/sft.ts';

const HYPERPARAMETER_NAMES: ReadonlySet<string> = new Set([...Object.keys(hyperparameterFields), ...Object.keys(HYPERPARAMETER_ALIASES)]);

/** The project's base and hyperparameters, and the configuration over them. */
export const withProjectDefaults = (config: Config, { base_model, default_hyperparameters }: Project): Config => ({
  ...(base_model !== null && { base_model }),
  ...default_hyperparameters,
  ...config,
});

/** @throws CommandFailure for what only the SFT API has */
export function toProjectRun(config: Config, name: string | null): Readonly<Record<string, unknown>> {
  const { base_model, dataset_name, use_lora, use_qlora, output_dir, ...rest } = config;
  if (output_dir !== undefined)
    throw usageFailure(
      `output_dir cannot be given to a run with a project or a name, got '${output_dir}'`,
      'its result is kept with the run: "artifacts download" fetches it',
    );
  const entries = Object.entries(rest);
  const hyperparameters = Object.fromEntries(entries.filter(([field]) => HYPERPARAMETER_NAMES.has(field)));
  const model = {
    ...(base_model !== undefined && { base_model }),
    ...(use_qlora === true
      ? { peft_method: 'qlora' }
      : use_lora === false
        ? { peft_method: 'full' }
        : use_lora === true
          ? { peft_method: 'lora' }
          : {}),
  };
  return {
    ...Object.fromEntries(entries.filter(([field]) => !HYPERPARAMETER_NAMES.has(field))),
    ...(name !== null && { name }),
    ...(dataset_name !== undefined && { dataset: dataset_name }),
    ...(Object.keys(model).length > 0 && { model_parameters: model }),
    ...(Object.keys(hyperparameters).length > 0 && { hyperparameters }),
  };
}
