/** What a stack says of itself, for the commands (`bin/aws/deployed-stage.ts`). */
import { CfnOutput, type Stack } from 'aws-cdk-lib';

export function tell(stack: Stack, outputs: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
}
