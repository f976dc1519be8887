/**
 * `npm run bootstrap -- <stage>`: what the CDK needs once in an account and region, a bucket for assets and roles to deploy with. It is the
 * CDK's own command, without an app: ours would be synthesized for nothing.
 */
import { runCdk } from './cdk-cli.ts';
import { openStage } from './stage-context.ts';

/** @throws CommandError */
export async function bootstrap(stageName: string): Promise<void> {
  const { account, region } = await openStage(stageName);
  await runCdk(['bootstrap', `aws://${account}/${region}`, '--app=']);
}
