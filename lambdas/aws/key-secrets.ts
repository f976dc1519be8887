/**
 * The plane's own secrets, in Secrets Manager: the tokens that callers show, and one key from which every other key is derived. Both are
 * generated when the plane is deployed. What was read is used for five minutes, so that a rotation needs no new deployment.
 *
 * Tokens: current and previous version are accepted (docs.aws.amazon.com/secretsmanager/latest/userguide/getting-started.html, staging labels).
 */
import { hkdfSync } from 'node:crypto';
import { GetSecretValueCommand, ResourceNotFoundException, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Clock } from '#ports/workflow.ts';

const KEPT_MILLIS = 5 * 60_000;
const KEY_BYTES = 32;

export interface KeySecretsOptions {
  readonly client: SecretsManagerClient;
  readonly clock: Clock;
}

export class KeySecrets {
  readonly #client: SecretsManagerClient;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly value: Promise<string | null>; readonly until: number }>();

  constructor({ client, clock }: KeySecretsOptions) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Those that callers may show now: one, or two after a rotation. */
  async tokens(secretArn: string): Promise<string[]> {
    const versions = await Promise.all([this.#read(secretArn, 'AWSCURRENT'), this.#read(secretArn, 'AWSPREVIOUS')]);
    return [...new Set(versions.filter((token) => token !== null && token !== ''))] as string[];
  }

  /** @param purpose each has a key of its own */
  async key(secretArn: string, purpose: string): Promise<Uint8Array> {
    const master = await this.value(secretArn);
    return new Uint8Array(hkdfSync('sha256', master, '', `tuneplane/${purpose}`, KEY_BYTES));
  }

  /** @throws Error where the secret is not there or empty */
  async value(secretArn: string): Promise<string> {
    const value = await this.#read(secretArn, 'AWSCURRENT');
    if (!value) throw new Error(`the secret ${secretArn} holds nothing`);
    return value;
  }

  #read(secretArn: string, stage: 'AWSCURRENT' | 'AWSPREVIOUS'): Promise<string | null> {
    const name = `${secretArn} ${stage}`;
    const known = this.#known.get(name);
    if (known !== undefined && known.until > this.#clock.now()) return known.value;
    const value = this.#fetch(secretArn, stage);
    value.catch(() => this.#known.delete(name)); // who waits for it has the error; the next one tries again
    this.#known.set(name, { value, until: this.#clock.now() + KEPT_MILLIS });
    return value;
  }

  /** Null for a version that there is not. */
  async #fetch(SecretId: string, VersionStage: string): Promise<string | null> {
    try {
      return (await this.#client.send(new GetSecretValueCommand({ SecretId, VersionStage }))).SecretString ?? null;
    } catch (error) {
      if (error instanceof ResourceNotFoundException && VersionStage === 'AWSPREVIOUS') return null;
      throw error;
    }
  }
}
