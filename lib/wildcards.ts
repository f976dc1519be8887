/**
 * No wildcard without a reason beside it. A right on many resources is given by `allowMany`, with the reason; the rule that finds wildcards
 * (AwsSolutions-IAM5) then knows it. A finding is named by the resource as the template has it, which is known only when everything is
 * made: so reasons are kept until the checks begin.
 */
import {
  type IPolicyValidationContext,
  type IPolicyValidationPlugin,
  type PolicyValidationPluginReport,
  Stack,
  Validations,
} from 'aws-cdk-lib';
import { Effect, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import type { IConstruct } from 'constructs';

export type Actions = readonly [string, ...string[]];

interface Wildcards {
  /** `s3:Get*` */
  readonly actions?: readonly string[];
  /** ARNs with a `*`, as they were given: they may hold tokens */
  readonly resources?: readonly string[];
}

const explained = new WeakMap<IConstruct, { readonly reason: string; readonly wildcards: Wildcards }[]>();

/** On exactly these resources. */
export function allow(to: IGrantable, actions: Actions, ...resources: string[]): void {
  to.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ effect: Effect.ALLOW, actions: [...actions], resources }));
}

/** On every resource that these patterns fit. @param reason why it cannot be narrower, for a reviewer */
export function allowMany(to: IGrantable & IConstruct, reason: string, actions: Actions, ...resources: string[]): void {
  allow(to, actions, ...resources);
  explainWildcards(to, reason, { resources });
}

/** Of a policy that the library wrote. @param construct the role, or anything above it */
export function explainWildcards(construct: IConstruct, reason: string, wildcards: Wildcards): void {
  explained.set(construct, [...(explained.get(construct) ?? []), { reason, wildcards }]);
}

/** Registered before the rules, which find the reasons in their place. It refuses nothing itself. */
export class WildcardReasons implements IPolicyValidationPlugin {
  readonly name = 'wildcard-reasons';

  validate({ appConstruct }: IPolicyValidationContext): PolicyValidationPluginReport {
    for (const construct of appConstruct.node.findAll()) {
      for (const { reason, wildcards } of explained.get(construct) ?? []) {
        const resources = (wildcards.resources ?? []).map((resource) => flattenCfnReference(Stack.of(construct).resolve(resource)));
        const findings = [
          ...(wildcards.actions ?? []).map((action) => `Action::${action}`),
          ...resources.map((resource) => `Resource::${resource}`),
        ];
        for (const finding of findings) Validations.of(construct).acknowledge({ id: `AwsSolutions-IAM5[${finding}]`, reason });
      }
    }
    return { success: true, violations: [] };
  }
}
