/**
 * What a deployment will do, before it does: by the templates that are deployed and those that would be. What changes in place, what is made
 * anew, and what would be lost, is what CloudFormation's own specification says of each property (@aws-cdk/cloudformation-diff).
 */
import { fullDiff, ResourceImpact } from '@aws-cdk/cloudformation-diff';
import { toClassId } from '../../lib/class-id.ts';
import { type FixedPrice, fixedPrices, type Template } from '../../lib/fixed-prices.ts';

/**
 * What holds something that no deployment brings back: records, files, keys; machines at work and runs that wait for them; executions on
 * their way; the address that people and machines know; the bus that others have rules on.
 */
export const STATEFUL_TYPES: ReadonlySet<string> = new Set([
  'AWS::DynamoDB::Table',
  'AWS::S3::Bucket',
  'AWS::SecretsManager::Secret',
  'AWS::Batch::ComputeEnvironment',
  'AWS::Batch::JobQueue',
  'AWS::StepFunctions::StateMachine',
  'AWS::CloudFront::Distribution',
  'AWS::ApiGatewayV2::Api',
  'AWS::Events::EventBus',
  'AWS::EC2::VPC',
]);

export type ChangeKind = 'create' | 'update' | 'replace' | 'remove';

export interface ResourceChange {
  readonly stack: string;
  readonly id: string;
  readonly type: string;
  readonly kind: ChangeKind;
  /** of an update or a replacement: the properties that differ */
  readonly properties: readonly string[];
  readonly isStateful: boolean;
}

export interface DeploymentPlan {
  readonly changes: readonly ResourceChange[];
  readonly fixed: readonly FixedPrice[];
  readonly usdAMonth: number;
  /** what must not happen: a stateful resource would be replaced, or taken away */
  readonly losses: readonly ResourceChange[];
}

export interface PlannedStack {
  readonly name: string;
  /** null: it is not deployed yet */
  readonly before: Template | null;
  readonly after: Template;
}

const KINDS: Readonly<Record<ResourceImpact, ChangeKind | null>> = {
  [ResourceImpact.WILL_CREATE]: 'create',
  [ResourceImpact.WILL_UPDATE]: 'update',
  [ResourceImpact.WILL_REPLACE]: 'replace',
  [ResourceImpact.MAY_REPLACE]: 'replace', // taken at its worst
  [ResourceImpact.WILL_DESTROY]: 'remove',
  [ResourceImpact.WILL_ORPHAN]: 'remove', // it would stay, and belong to nobody
  [ResourceImpact.WILL_IMPORT]: 'create',
  [ResourceImpact.NO_CHANGE]: null,
};

export function planDeployment(stacks: readonly PlannedStack[]): DeploymentPlan {
  const changes = stacks.flatMap(changesOf);
  const fixed = fixedPrices(stacks.map(({ after }) => after));
  return {
    changes,
    fixed,
    usdAMonth: fixed.reduce((sum, { usdAMonth }) => sum + usdAMonth, 0),
    losses: changes.filter(({ isStateful, kind }) => isStateful && (kind === 'replace' || kind === 'remove')),
  };
}

/**
 * A class that the settings have no more takes its environment and its queue along, where the operator names it.
 * @param classes names of classes that may go
 * @returns losses that stay refused, and those that were asked for
 */
export function sortLosses(
  { losses }: Pick<DeploymentPlan, 'losses'>,
  classes: readonly string[],
): { readonly refused: readonly ResourceChange[]; readonly taken: readonly ResourceChange[] } {
  const prefixes = classes.map((name) => `Compute${toClassId(name)}`);
  const isOfOne = ({ kind, type, id }: ResourceChange): boolean =>
    kind === 'remove' &&
    type.startsWith('AWS::Batch::') &&
    prefixes.some((prefix) => id.startsWith(prefix) && /^(Environment|Queue)[0-9A-F]{8}$/.test(id.slice(prefix.length)));
  return { refused: losses.filter((loss) => !isOfOne(loss)), taken: losses.filter(isOfOne) };
}

function changesOf({ name, before, after }: PlannedStack): ResourceChange[] {
  const changes: ResourceChange[] = [];
  fullDiff({ ...(before ?? {}) }, { ...after }).resources.forEachDifference((id, difference) => {
    const kind = KINDS[difference.changeImpact];
    const type = difference.newResourceType ?? difference.oldResourceType ?? 'unknown';
    if (kind === null || type === 'AWS::CDK::Metadata') return;
    const properties = kind === 'update' || kind === 'replace' ? Object.keys(difference.propertyUpdates).sort() : [];
    changes.push({ stack: name, id, type, kind, properties, isStateful: STATEFUL_TYPES.has(type) });
  });
  return changes;
}
