/** The plan as a person reads it before saying yes: what was given, what follows from it and why, and what stays as it is by default. */
import type { Config, Plan } from '../plane/sft.ts';
import type { Colors } from '../session.ts';
import { describeParameter } from '../text/run-words.ts';
import { renderFacts } from '../text/table.ts';
import { describeBytes, describeCount, describeDuration } from '../text/words.ts';
import type { FoundData } from './find-data.ts';

export interface ShownPlan {
  readonly plan: Plan;
  readonly data: Pick<FoundData, 'name' | 'upload'>;
  /** what the request itself says, the saved configuration included */
  readonly given: Config;
  readonly origin: string | null;
  readonly project: string | null;
}

export function describePlan({ plan, data, given, origin, project }: ShownPlan, colors: Colors): string {
  const { parameters, choices } = plan;
  const reasons = new Map(choices.map(({ name, reason }) => [name, reason]));
  const isGiven = (name: string): boolean => Object.hasOwn(given, name);
  const names = Object.keys(parameters);
  const show = (name: string): string => describeParameter(name, parameters[name]);
  const lines = [
    ...names.filter(isGiven).map((name) => [name, show(name)] as const),
    ...names
      .filter((name) => !isGiven(name) && reasons.has(name))
      .map((name) => [name, `${show(name)}  ${colors.dim(`(${reasons.get(name)})`)}`] as const),
  ];
  const others = choices
    .filter(({ name }) => !names.includes(name))
    .map(({ name, value, reason }) => [name, `${value}  ${colors.dim(`(${reason})`)}`] as const);
  const defaults = names.filter((name) => !isGiven(name) && !reasons.has(name)).map((name) => `${name}=${show(name)}`);
  return [
    colors.bold('Plan'),
    renderFacts(
      [
        ['train', `${plan.base_model}, ${plan.method}, ${plan.peft_method}`],
        ['from', origin],
        ['data', describeData(plan, data)],
        ['where', describePlace(plan)],
        ['project', project],
        ['for', `at most ${describeDuration(plan.max_runtime_seconds).replace(/ 0 (h|min|s)$/, '')} of training`],
        ['result', describeResult(plan)],
        ['variables', [...plan.env, ...Object.entries(plan.secrets).map(([name, secret]) => `${name} (secret ${secret})`)].join(', ')],
        ...lines,
        ...others,
      ],
      colors,
    ),
    colors.dim(wrapWords('  default  ', defaults)),
  ].join('\n');
}

function describeData({ data, dataset }: Plan, { name, upload }: ShownPlan['data']): string {
  if (data === null) return `${dataset}, from the Hugging Face hub`;
  const bytes = data.files.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const facts = [data.rows === null ? 'rows counted by the trainer' : describeCount(data.rows, 'row'), data.format, describeBytes(bytes)];
  const place = upload ? `; ${upload.path} will be stored as ${name}` : '';
  return `${upload ? upload.path.split('/').at(-1) : name}  ${facts.filter((fact) => fact !== null).join(', ')}${place}`;
}

function describePlace({ provider, compute }: Plan): string {
  const { node_count, gpus_per_node, gpu_type, gpu_memory_gb, region, spot, max_usd_per_hour } = compute;
  const facts = [
    provider,
    node_count === 1 ? null : describeCount(node_count, 'machine'),
    gpus_per_node === null
      ? gpu_type
      : `${describeCount(gpus_per_node, 'GPU')}${gpu_type ? ` ${gpu_type}` : ''}${node_count === 1 ? '' : ' each'}`,
    gpu_memory_gb === null ? null : `${gpu_memory_gb} GB of GPU memory`,
    region,
    spot ? 'spot' : null,
    max_usd_per_hour === null ? null : `at most ${max_usd_per_hour} USD an hour`,
  ];
  return facts.filter((fact) => fact !== null).join(', ');
}

function describeResult({ output_dir, peft_method, export: kinds }: Plan): string {
  const what = peft_method === 'full' ? 'a model' : kinds.includes('merged') ? 'an adapter, and the merged model' : 'an adapter';
  return `${what}, kept with the run${output_dir === null ? '' : `, and below ${output_dir} of the plane's data root`}`;
}

const COLUMNS = 110;

/** Under each other, no word broken. */
function wrapWords(lead: string, words: readonly string[]): string {
  const lines: string[] = [];
  let line = lead;
  for (const word of words) {
    if (line.length + word.length + 2 > COLUMNS && line.trim() !== lead.trim()) {
      lines.push(line.trimEnd());
      line = ' '.repeat(lead.length);
    }
    line += `${word}  `;
  }
  return [...lines, line.trimEnd()].join('\n');
}
