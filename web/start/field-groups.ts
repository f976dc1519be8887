/** In which order a form asks, and what stands together. What a newer plane has beside these comes last, so nothing is out of reach. Pure. */
import type { Field } from './schema-fields.ts';

interface GroupPlan {
  readonly title: string;
  /** shown from the start; the others unfold */
  readonly isOpen: boolean;
  readonly names: readonly string[];
}

const PLAN: readonly GroupPlan[] = [
  {
    title: 'Model and data',
    isOpen: true,
    names: [
      'name',
      'session_id',
      'dataset_name',
      'dataset',
      'dataset_format',
      'base_model',
      'method',
      'use_lora',
      'use_qlora',
      'peft_method',
      'adapter_id',
      'task_type',
    ],
  },
  {
    title: 'Length and batch',
    isOpen: true,
    names: ['max_steps', 'num_epochs', 'epochs', 'batch_size', 'gradient_accumulation_steps', 'max_seq_length', 'packing'],
  },
  { title: 'Optimizer', isOpen: true, names: ['learning_rate', 'lr_scheduler', 'warmup_ratio', 'weight_decay', 'seed'] },
  { title: 'LoRA', isOpen: false, names: ['rank', 'lora_r', 'lora_alpha', 'lora_dropout', 'target_modules'] },
  {
    title: 'Evaluation, checkpoints, samples',
    isOpen: false,
    names: ['eval_split', 'eval_steps', 'save_steps', 'logging_steps', 'keep_best', 'sample_prompts'],
  },
  {
    title: 'Machine',
    isOpen: false,
    names: ['provider', 'node_count', 'gpus_per_node', 'gpu_type', 'max_runtime', 'env', 'secrets', 'image'],
  },
  { title: 'Results', isOpen: false, names: ['output_dir', 'export', 'report_to', 'wandb_project', 'description'] },
];

/** Said by the page itself, beside the form. */
const NOT_ASKED = new Set(['config_id']);

export interface FieldGroup {
  readonly title: string;
  readonly isOpen: boolean;
  readonly fields: readonly Field[];
}

export function groupFields(fields: readonly Field[]): FieldGroup[] {
  const byName = Map.groupBy(
    fields.filter(({ name }) => !NOT_ASKED.has(name)),
    ({ name }) => name,
  );
  const asked = new Map([...byName].map(([name, twins]) => [name, plainOf(twins)]));
  const groups = PLAN.map(({ title, isOpen, names }) => ({ title, isOpen, fields: names.flatMap((name) => asked.get(name) ?? []) }));
  const placed = new Set(PLAN.flatMap(({ names }) => names));
  const others = [...asked].flatMap(([name, field]) => (placed.has(name) ? [] : field));
  return [...groups, { title: 'More', isOpen: false, fields: others }].filter((group) => group.fields.length > 0);
}

/** A body may take a hyperparameter in two places (management's `model_parameters` and `hyperparameters`): it is asked for once. */
const plainOf = (twins: readonly Field[]): Field[] => {
  const plain = twins.find(({ path }) => path[0] === 'hyperparameters') ?? twins[0];
  return plain ? [plain] : [];
};
