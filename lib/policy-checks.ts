/**
 * The rules that every synthesis meets: AWS Solutions and Serverless, and CloudFormation's own (`validateAgainstDefaultRules` in cdk.json).
 * A finding ends it. What is as it is for a reason says so beside the resource.
 */
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { WildcardReasons } from './wildcards.ts';

export function addPolicyChecks(app: App): void {
  Validations.of(app).addPlugins(new WildcardReasons(), new AwsSolutionsChecks(app), new ServerlessChecks(app));
}
