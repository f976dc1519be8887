/** The options that say what to train: of `train`, `configs save` and `resume --from`. */
import { Option } from '@commander-js/extra-typings';
import { PROVIDERS } from '#domain/providers.ts';
import type { Command } from '../command.ts';
import { choiceOption, gather, lengthOfTime, oneOf, wholeNumber } from '../option-words.ts';
import words from '../words.json' with { type: 'json' };
import { readValue } from './assignments.ts';

export const PEFT_WORDS = ['lora', 'qlora', 'full'] as const;
const HEADING = 'Hyperparameters:';

interface Hyperparameter {
  readonly name: string;
  readonly description: string;
  /** the only values that it takes; empty: others */
  readonly words: readonly string[];
  /** `--packing` alone is `--packing true` */
  readonly isSwitch: boolean;
}
export const HYPERPARAMETERS: readonly Hyperparameter[] = words.hyperparameters;

export function addTrainingOptions(command: Command): void {
  command
    .option('--base <model>', "base model: 'tiny-llama', a Hugging Face id, a path of the plane, or the id of a run or a checkpoint")
    .addOption(choiceOption('--format <format>', 'of the rows; default: seen from the first', words.datasetFormats))
    .addOption(choiceOption('--method <method>', 'of training; default: sft', words.trainingMethods))
    .addOption(choiceOption('--peft <method>', 'what is trained; default: lora', PEFT_WORDS))
    .addOption(choiceOption('--provider <provider>', "where to train; default: the plane's", PROVIDERS))
    .option('--gpus <count>', 'GPUs on each machine', wholeNumber(0, 64))
    .option('--gpu-type <type>', 'words of their name: H100, RTX 4090')
    .option('--gpu-memory <GB>', 'of all GPUs of a machine together; default: estimated', readValue)
    .option('--nodes <count>', 'machines', wholeNumber(1, 1_024))
    .option('--region <region>', "where the machine stands, by the provider's own name, or how that begins: US, us-east-1")
    .option('--spot', 'a machine that may be taken away, and costs less; the run goes on from its last checkpoint')
    .option('--max-usd-per-hour <price>', 'the most that a machine may cost', readValue)
    .option('--max-runtime <time>', 'stop after so much training, with a final checkpoint: 90m, 12h, 7d; default: 14d', lengthOfTime)
    .option('--output-dir <folder>', 'put the adapter there too, below the data root of the plane')
    .option('--sample-prompt <text>', 'answered by base and tuned model as it trains; may be given several times', gather)
    .option('--env <name=value>', 'a variable for the trainer; a name alone takes it from here; may be given several times', gather)
    .option(
      '--secret <name=secret>',
      'a variable for the trainer, by the name of a secret of the plane; may be given several times',
      gather,
    )
    .option(
      '--set <name=value>',
      'any other part of a configuration: export=merged, compute.node_count=2; may be given several times',
      gather,
    );
  for (const hyperparameter of HYPERPARAMETERS) command.addOption(toOption(hyperparameter));
}

function toOption({ name, description, words: allowed, isSwitch }: Hyperparameter): Option<string, unknown> {
  const option = new Option(`--${name.replaceAll('_', '-')} ${isSwitch ? '[true|false]' : '<value>'}`, description).helpGroup(HEADING);
  if (allowed.length === 0) return option.argParser(readValue); // what it takes is the plane's to say, all faults at once
  return option.choices(allowed).argParser((text) => oneOf(allowed, text));
}

/** The name that an option's value has in code: `maxSteps` of `max_steps`. */
export const attributeOf = (name: string): string => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
