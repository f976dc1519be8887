import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { KeySecrets } from '../key-secrets.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

export const openKeySecrets = (): KeySecrets =>
  new KeySecrets({ client: new SecretsManagerClient(CLIENT_OPTIONS), clock: { now: Date.now } });
