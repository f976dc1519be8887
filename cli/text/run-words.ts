/** Runs as people read them. */
import type { RunState } from '#domain/run-lifecycle.ts';
import type { RunDetail, RunEvent, RunSummary } from '../plane/runs.ts';
import type { Colors } from '../session.ts';
import { type Column, renderFacts } from './table.ts';
import { describeAge, describeDuration, describeTime } from './words.ts';

export function paintState(state: RunState, colors: Colors): string {
  if (state === 'completed') return colors.green(state);
  if (state === 'failed') return colors.red(state);
  if (state === 'running') return colors.cyan(state);
  return state === 'stopped' || state === 'stopping' || state === 'paused' ? colors.yellow(state) : state;
}

/** `120/300  40%`; nothing before it trains. */
function describeSteps({ progress, state }: RunSummary): string {
  if (progress === null || (progress.step === 0 && state !== 'completed')) return '';
  const percent = `${Math.floor(progress.fraction * 100)}%`;
  return `${progress.step.toLocaleString('en-US')}/${progress.steps?.toLocaleString('en-US') ?? '?'} ${percent.padStart(4)}`;
}

/** Why it is as it is, in few words. */
function describeReason({ waiting, failure, stop_detail, state, progress }: RunSummary): string {
  if (failure) return failure.code;
  if (waiting) return waiting.sentence;
  if (state === 'stopped' || state === 'stopping') return stop_detail?.code === 'time_limit' ? 'time limit' : '';
  if (state === 'running' && progress?.eta_seconds != null) return `ETA ${describeDuration(progress.eta_seconds)}`;
  return '';
}

export const runColumns = (colors: Colors, now: number): readonly Column<RunSummary>[] => [
  { title: 'run', cell: ({ id }) => id },
  { title: 'state', cell: ({ state }) => paintState(state, colors) },
  { title: 'steps', isNumber: true, cell: describeSteps },
  { title: 'base', cell: ({ base_model, peft_method }) => (peft_method === 'lora' ? base_model : `${base_model} (${peft_method})`) },
  { title: 'data', cell: ({ dataset }) => dataset },
  { title: 'age', isNumber: true, cell: ({ created_at }) => describeAge(created_at, now) },
  { title: 'name', cell: ({ name }) => name ?? '' },
  { title: 'why', cell: (run) => colors.dim(describeReason(run)) },
];

/** A run in full. */
export function describeRun(run: RunDetail, colors: Colors, now: number): string {
  const { progress, result, failure, waiting, stop_detail: stop } = run;
  const facts = renderFacts(
    [
      ['state', paintState(run.state, colors) + (run.want !== 'run' && run.state === 'running' ? `, to ${run.want}` : '')],
      ['why', stop ? stop.message : null],
      ['waits', waiting ? `${waiting.sentence} (${describeAge(waiting.since, now)}): ${waiting.remedy}` : null],
      ['steps', describeSteps(run) || null],
      ['name', run.name],
      ['base', run.base_model],
      ['method', `${run.method}, ${run.peft_method}`],
      ['data', run.dataset],
      ['where', run.provider],
      ['project', run.project_id],
      ['made by', `the ${run.api} API`],
      ['created', `${describeTime(run.created_at)}  (${describeAge(run.created_at, now)} ago)`],
      ['ended', run.completed_at === null ? null : describeTime(run.completed_at)],
      ['compute', describeCompute(run)],
      ['machine', run.attempts.at(-1)?.place],
      ['attempts', run.attempts.length > 1 ? run.attempts.map(describeAttempt).join('; ') : null],
      ['checkpoints', run.checkpoints.map(({ name }) => name).join(', ') || null],
      ['metrics', progress ? describeMetrics(progress.metrics) : null],
      ['result', result?.location],
      ['SHA-256', result?.sha256],
    ],
    colors,
  );
  const parameters = Object.entries(run.parameters).map(([name, value]) => [name, describeParameter(name, value)] as const);
  return [
    colors.bold(run.id),
    facts,
    ...(failure ? ['', describeFailure(run, colors)] : []),
    '',
    colors.dim('  parameters'),
    renderFacts(parameters, colors, '    '),
    ...run.choices.map(({ name, value, reason }) => colors.dim(`    ${name}=${value} (${reason})`)),
  ].join('\n');
}

/** What it took by now: time, GPU time, money. */
function describeCompute({ compute_seconds, gpu_seconds, cost_usd }: RunDetail): string | null {
  const facts = [
    compute_seconds > 0 ? describeDuration(compute_seconds) : null,
    gpu_seconds.spent > 0 ? `${describeDuration(gpu_seconds.spent)} of GPUs, ${describeDuration(gpu_seconds.useful)} of it useful` : null,
    cost_usd === null ? null : `${cost_usd.toFixed(2)} USD`,
  ].filter((fact) => fact !== null);
  return facts.length > 0 ? facts.join(', ') : null;
}

const describeAttempt = ({ number, outcome, resumed_from_step: from, code }: RunDetail['attempts'][number]): string =>
  `${number} ${outcome ?? 'under way'}${code === null ? '' : ` (${code})`}${from === null ? '' : ` from step ${from}`}`;

const describeMetrics = (metrics: Readonly<Record<string, number | null>>): string =>
  Object.entries(metrics)
    .flatMap(([name, value]) => (value === null ? [] : [`${name} ${describeNumber(value)}`]))
    .join('  ');

/** Four digits that count: 0.02131, 1.204e-7, 12,038. */
export const describeNumber = (value: number): string =>
  Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(4)));

/** @param value null: the trainer derives it; of what is not used at all, null is none */
export function describeParameter(name: string, value: unknown): string {
  if (value === null) return name === 'wandb_project' ? 'none' : 'by the trainer';
  return Array.isArray(value) && value.length === 0 ? 'none' : wordOf(value);
}

export const wordOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export function describeFailure({ id, failure }: Pick<RunDetail, 'id' | 'failure'>, colors: Colors): string {
  if (failure === null) return `${id} failed, and no reason was kept`;
  return [
    `${colors.red(`${id} failed:`)} ${failure.code}`,
    `  ${failure.message}`,
    `  remedy: ${failure.remedy}`,
    ...failure.evidence.slice(-12).map((line) => colors.dim(`  | ${line}`)),
  ].join('\n');
}

export const describeEvent = ({ timestamp, sequence, state, type, attempt, message }: RunEvent, colors: Colors): string =>
  `${colors.dim(`${describeTime(timestamp)}  ${String(sequence).padStart(4)}`)}  ${paintState(state, colors)}  ${type}${attempt === null ? '' : ` (attempt ${attempt})`}: ${message}`;
