/** A deployment's plan, for people. */
import pc from 'picocolors';
import { PRICES_AS_OF, PRICES_REGION } from '../../lib/machine-types.ts';
import { machineOf } from '../../lib/settings/compute-settings.ts';
import type { ChangeKind, DeploymentPlan, ResourceChange } from './deployment-plan.ts';
import type { StageContext } from './stage-context.ts';

const SIGNS: Readonly<Record<ChangeKind, string>> = {
  create: pc.green('+'),
  update: pc.yellow('~'),
  replace: pc.red('-/+'),
  remove: pc.red('-'),
};
/** Beyond this a list of new resources is a list that nobody reads: they are counted by type. */
const MAX_NAMED = 30;

export function renderPlan(plan: DeploymentPlan, context: StageContext): string {
  const { stage, account, region, caller, settingsFile } = context;
  return [
    `Tuneplane '${stage}' in account ${account}, region ${region}, as ${caller}`,
    `settings: ${settingsFile ?? 'the defaults (no file in settings/)'}`,
    '',
    ...renderChanges(plan.changes),
    '',
    ...renderPrices(plan),
    '',
    ...renderMachines(context),
  ].join('\n');
}

function renderChanges(changes: readonly ResourceChange[]): string[] {
  if (changes.length === 0) return ['nothing changes'];
  const count = (kind: ChangeKind): number => changes.filter((change) => change.kind === kind).length;
  const head = `${count('create')} to make, ${count('update')} to change, ${count('replace')} to replace, ${count('remove')} to take away`;
  const named = changes.filter(({ kind }) => kind !== 'create');
  const made = changes.filter(({ kind }) => kind === 'create');
  const lines = [...named, ...(made.length <= MAX_NAMED ? made : [])].map(renderChange);
  return [head, ...lines, ...(made.length > MAX_NAMED ? countByType(made) : [])];
}

const renderChange = ({ kind, type, id, properties, isStateful }: ResourceChange): string =>
  `  ${SIGNS[kind]} ${type} ${id}${properties.length > 0 ? ` (${properties.join(', ')})` : ''}${isStateful && kind !== 'create' ? ' [holds state]' : ''}`;

function countByType(made: readonly ResourceChange[]): string[] {
  const counts = [...Map.groupBy(made, ({ type }) => type)].map(([type, all]) => ({ type, count: all.length }));
  return counts.sort((a, b) => b.count - a.count).map(({ type, count }) => `  ${SIGNS.create} ${String(count).padStart(3)} x ${type}`);
}

function renderPrices({ fixed, usdAMonth }: DeploymentPlan): string[] {
  return [
    `fixed: ${usd(usdAMonth)} a month (list prices, ${PRICES_REGION}, ${PRICES_AS_OF}; free tiers not counted)`,
    ...fixed.map(({ type, count, usdAMonth: sum }) => `  ${usd(sum).padStart(7)}  ${count} x ${type}`),
    'besides: requests, storage and logs as they are used; an idle plane makes 43,200 sweeps a month',
  ];
}

function renderMachines({ settings, region }: StageContext): string[] {
  const rows = settings.compute.map((one) => {
    const { gpus, gpuType, usdPerHour } = machineOf(one);
    const price = usdPerHour === null ? 'not looked up' : `${usd(usdPerHour)} an hour${one.spot ? ' at most' : ''}`;
    const what = gpus === 0 ? 'no GPU' : `${gpus} x ${gpuType}`;
    return `  ${one.name.padEnd(14)} ${what.padEnd(10)} ${price.padEnd(22)} up to ${one.maxVcpus} vCPUs of ${one.instanceTypes.join(', ')}${one.nodes > 1 ? `, up to ${one.nodes} nodes` : ''}`;
  });
  const note = region === PRICES_REGION ? '' : `; ${region} has prices of its own`;
  return [`machines, only while runs train (on-demand list prices, ${PRICES_REGION}, ${PRICES_AS_OF}${note}):`, ...rows];
}

const usd = (amount: number): string => `$${amount.toFixed(2)}`;

/** Why a deployment is refused, and what to do. */
export function renderLosses(losses: readonly ResourceChange[]): string {
  return [
    'refused: this deployment would lose what these hold',
    ...losses.map(renderChange),
    'A class of machines is taken away with --remove-class <name>, when none of its runs is live. Anything else here is a change that',
    'needs a plan of its own: docs/deploy.md, "What is never replaced".',
  ].join('\n');
}
