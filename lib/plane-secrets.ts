/**
 * The plane's own secrets: the token that callers show, and the key that every other key is derived from. Both are drawn by Secrets Manager
 * and are in no template. Whoever loses the key loses the sealed variables of runs, and every machine's token: it is never replaced.
 */
import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

export interface PlaneSecrets {
  /** current and previous version are taken; `npm run rotate-token` makes a new one */
  readonly token: Secret;
  readonly key: Secret;
}

export function createPlaneSecrets(scope: Construct, keepData: boolean): PlaneSecrets {
  const removalPolicy = keepData ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
  const generateSecretString = { passwordLength: 43, excludePunctuation: true }; // 62^43 is 256 bits
  const token = new Secret(scope, 'Token', { description: 'shown by callers of the APIs', generateSecretString, removalPolicy });
  const key = new Secret(scope, 'Key', {
    description: 'what the keys of this plane are derived from',
    generateSecretString,
    removalPolicy,
  });
  Validations.of(token).acknowledge({
    id: 'AwsSolutions-SMG4',
    reason: 'a token is rotated when its holders are ready for it, by one command; the version before stays valid until the next rotation',
  });
  Validations.of(key).acknowledge({ id: 'AwsSolutions-SMG4', reason: 'what was sealed under a key can be read only with it' });
  return { token, key };
}
