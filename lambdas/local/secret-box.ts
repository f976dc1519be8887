/**
 * Values for a trainer's eyes only, encrypted with the home's own key (`domain/sealed-values.ts`).
 * The key lies in <home>/secret.key, 0600. Who can read the home as its owner can read the values; a backup of the database alone cannot.
 */
import { join } from 'node:path';
import { openValues, sealValues } from '#domain/sealed-values.ts';
import type { Secrets } from '#ports/secrets.ts';
import { openHomeKey } from './home-key.ts';

export class SecretBox implements Secrets {
  readonly #key: Buffer;
  readonly #named: Readonly<Record<string, string>>;

  private constructor(key: Buffer, named: Readonly<Record<string, string>>) {
    this.#key = key;
    this.#named = named;
  }

  /**
   * Makes the key where the home has none.
   * @param named the operator's secrets, by the names that runs may use
   * @throws Error where the key file is not whole
   */
  static open(home: string, named: Readonly<Record<string, string>> = {}): SecretBox {
    return new SecretBox(openHomeKey(join(home, 'secret.key')), named);
  }

  async read(name: string): Promise<string> {
    const value = this.#named[name];
    if (value === undefined) throw new Error(`there is no secret '${name}' here`);
    return value;
  }

  async seal(runId: string, values: Readonly<Record<string, string>>): Promise<string> {
    return sealValues(this.#key, runId, values);
  }

  async open(runId: string, sealed: string): Promise<Record<string, string>> {
    return openValues(this.#key, runId, sealed);
  }
}
