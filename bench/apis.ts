/** The create and the read of each of the five documents, as both servers have them. */
import type { RequestText } from './raw-client.ts';

export interface Api {
  readonly name: string;
  readonly create: { readonly path: string; readonly status: number; readonly body: (index: number) => unknown };
  /** the field of the answer to a create that names the job */
  readonly id: 'job_id' | 'name' | 'id';
  readonly readPath: (id: string) => string;
}

const BASE = 'gpt2';
const DATASET = 'tatsu-lab/alpaca';

export const SFT: Api = {
  name: 'sft',
  create: {
    path: '/api/sft/train',
    status: 200,
    // Document 5's own example.
    body: () => ({
      config: {
        base_model: BASE,
        dataset_name: DATASET,
        dataset_format: 'alpaca',
        max_steps: 100,
        output_dir: './outputs/sft_gpt2_alpaca',
        use_lora: true,
        lora_r: 16,
        lora_alpha: 32,
        learning_rate: 2e-4,
      },
    }),
  },
  id: 'job_id',
  readPath: (id) => `/api/sft/jobs/${id}`,
};

export const APIS: readonly Api[] = [
  {
    name: 'training-svc',
    create: { path: '/train/lora', status: 200, body: () => ({ session_id: 's-1', task_type: 'code-gen', rank: 16, epochs: 3 }) },
    id: 'job_id',
    readPath: (id) => `/jobs/${id}`,
  },
  {
    name: 'unified trainer',
    create: {
      path: '/train',
      status: 201,
      body: (index) => ({
        framework: 'hf',
        model_id: BASE,
        run_id: `bench-${index}`,
        checkpoint_base_uri: './runs',
        dataset_uri: DATASET,
        num_nodes: 1,
        extra_args: { max_steps: 100, lr: 2e-4 },
      }),
    },
    id: 'name',
    readPath: (name) => `/train/${name}`,
  },
  {
    name: 'orchestrator',
    create: {
      path: '/api/training/jobs',
      status: 201,
      body: () => ({ base_model: BASE, dataset: DATASET, peft_method: 'lora', hyperparameters: { max_steps: 100, learning_rate: 2e-4 } }),
    },
    id: 'job_id',
    readPath: (id) => `/api/training/jobs/${id}/status`,
  },
  {
    name: 'management',
    create: {
      path: '/projects/proj_default/runs',
      status: 201,
      body: () => ({ name: 'bench', dataset: DATASET, model_parameters: { base_model: BASE }, hyperparameters: { max_steps: 100 } }),
    },
    id: 'id',
    readPath: (id) => `/projects/proj_default/runs/${id}`,
  },
  SFT,
];

export const createOf = ({ create }: Api, index: number, headers: Readonly<Record<string, string>> = {}): RequestText => ({
  method: 'POST',
  path: create.path,
  body: JSON.stringify(create.body(index)),
  headers,
});

export const readOf = ({ readPath }: Api, id: string): RequestText => ({ method: 'GET', path: readPath(id) });
