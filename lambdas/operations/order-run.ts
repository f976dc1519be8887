/** From what a caller asks for to an accepted run: everything that can be wrong with it is told at once, each with its place. */
import { InvalidRequest, type Problem } from '#domain/errors.ts';
import { providerProblem } from '#domain/providers.ts';
import type { RunView } from '#domain/run.ts';
import { planRun, type RequestPaths, type RunPlan, type RunRequest } from '#domain/run-request.ts';
import type { Remembered } from '#ports/answer-store.ts';
import type { Ports } from '#ports/ports.ts';
import { createRun, type NewRun } from './create-run.ts';
import { findBase } from './find-base.ts';

/** A run as a surface has understood it. */
export interface RunOrder extends Omit<NewRun, 'plan' | 'provider'> {
  readonly asked: RunRequest;
  readonly at: RequestPaths;
  /** what the surface itself found wrong */
  readonly problems?: readonly Problem[];
}

/** @throws InvalidRequest; VersionConflict where another call with the same key was first; NameTaken */
export async function orderRun(ports: Ports, order: RunOrder, remember?: (view: RunView) => Remembered | undefined): Promise<RunView> {
  return createRun(ports, toNewRun(order, await planOrder(ports, order)), remember);
}

export const toNewRun = ({ asked, at: _, problems: __, ...order }: RunOrder, plan: RunPlan): NewRun => ({
  ...order,
  plan,
  provider: asked.provider ?? null,
});

/** @throws InvalidRequest with all that is wrong */
export async function planOrder(ports: Ports, { asked, at, problems = [] }: Pick<RunOrder, 'asked' | 'at' | 'problems'>): Promise<RunPlan> {
  const found = await findBase(ports, asked.baseModel);
  const { plan, problems: more } = planRun(asked, at, typeof found === 'string' ? null : found);
  const all = [...problems, ...more.filter(({ path }) => typeof found !== 'string' || path !== at.base)];
  if (typeof found === 'string') all.push({ path: at.base, message: found });
  all.push(...findUnavailable(ports, asked, at));
  if (all.length > 0) throw new InvalidRequest(all);
  return plan;
}

/** What this plane does not have: the provider, the secrets. */
export function findUnavailable(
  { settings }: Pick<Ports, 'settings'>,
  { provider, secrets }: Pick<RunRequest, 'provider' | 'secrets'>,
  { base }: Pick<RequestPaths, 'base'>,
): Problem[] {
  const beside = base.slice(0, base.lastIndexOf('.') + 1);
  const lack = provider === undefined ? null : providerProblem(provider, settings.providers, settings.providerRemedies);
  const allowed = settings.secrets.length > 0 ? settings.secrets.join(', ') : 'none; the operator allows them with TUNEPLANE_SECRETS';
  return [
    ...(lack === null ? [] : [{ path: `${beside}provider`, message: lack }]),
    ...Object.entries(secrets ?? {}).flatMap(([name, secret]) =>
      settings.secrets.includes(secret)
        ? []
        : [{ path: `${beside}secrets.${name}`, message: `must be a secret that runs may name (${allowed}), got '${secret}'` }],
    ),
  ];
}
