/** `npm run rotate-token -- <stage>`: a new token. The one before is taken until the next rotation; the one before that is not, at once. */
import { randomBytes } from 'node:crypto';
import { PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { outputOf, readOutputs } from './deployed-stage.ts';
import { openStage } from './stage-context.ts';

/** @throws CommandError where the stage is not deployed */
export async function rotateToken(stageName: string): Promise<void> {
  const { stage } = await openStage(stageName);
  const SecretId = outputOf(await readOutputs(stage), 'TokenSecret');
  const SecretString = randomBytes(32).toString('base64url');
  await new SecretsManagerClient({}).send(new PutSecretValueCommand({ SecretId, SecretString }));
  console.log(`${stage} has a new token; functions take it within five minutes, and the one before until the next rotation`);
  console.log(`  aws secretsmanager get-secret-value --secret-id ${SecretId} --query SecretString --output text`);
}
