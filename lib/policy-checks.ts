/**
 * The rules that every synthesis meets: AWS Solutions and Serverless, and CloudFormation's own (`validateAgainstDefaultRules` in cdk.json).
 * A finding ends it. What is as it is for a reason says so beside the resource.
 */
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks } from 'cdk-nag';
import { WildcardReasons } from './wildcards.ts';

export function addPolicyChecks(app: App): void {
  Validations.of(app).addPlugins(new WildcardReasons(), new AwsSolutionsChecks(app), new ServerlessChecks(app));
}

export interface NistFinding {
  /** `NIST.800.53.R5-LambdaInsideVPC` */
  readonly rule: string;
  readonly description: string;
  /** paths of constructs */
  readonly places: readonly string[];
}

/**
 * Findings of NIST 800-53, revision 5: a report for those who have to answer to it, and no condition. Many of its rules are for systems that
 * keep servers in networks, which this one does not have.
 */
export function nistFindings(app: App): NistFinding[] {
  const { violations } = new NIST80053R5Checks(app).validateScope(app);
  return violations
    .map(({ ruleName, description, violatingResources }) => ({
      rule: ruleName,
      description,
      places: violatingResources.flatMap(({ constructPath }) => constructPath ?? []).sort(),
    }))
    .sort((a, b) => a.rule.localeCompare(b.rule));
}
