/** Variables of runs sealed under the plane's key, and the operator's secrets that runs may name, each read by its ARN. */
import { openValues, sealValues } from '#domain/sealed-values.ts';
import type { Secrets } from '#ports/secrets.ts';
import type { KeySecrets } from './key-secrets.ts';

export interface SealedSecretsOptions {
  readonly secrets: Pick<KeySecrets, 'key' | 'value'>;
  /** of the secret that keys are derived from */
  readonly keySecretArn: string;
  /** ARNs of the operator's secrets, by the names that runs may use */
  readonly named: Readonly<Record<string, string>>;
}

export class SealedSecrets implements Secrets {
  readonly #options: SealedSecretsOptions;

  constructor(options: SealedSecretsOptions) {
    this.#options = options;
  }

  async read(name: string): Promise<string> {
    const arn = this.#options.named[name];
    if (arn === undefined) throw new Error(`there is no secret '${name}' here`);
    return this.#options.secrets.value(arn);
  }

  async seal(runId: string, values: Readonly<Record<string, string>>): Promise<string> {
    return sealValues(await this.#key(), runId, values);
  }

  async open(runId: string, sealed: string): Promise<Record<string, string>> {
    return openValues(await this.#key(), runId, sealed);
  }

  #key(): Promise<Uint8Array> {
    return this.#options.secrets.key(this.#options.keySecretArn, 'sealed-values');
  }
}
