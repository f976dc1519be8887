/**
 * Values for a trainer's eyes only, encrypted with the home's own key: AES-256-GCM, a fresh nonce each, bound to the run they are for.
 * The key lies in <home>/secret.key, 0600. Who can read the home as its owner can read the values; a backup of the database alone cannot.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as z from 'zod';
import type { Secrets } from '#ports';
import { openHomeKey } from './home-key.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = 'v1.';

const valuesSchema = z.record(z.string(), z.string());

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
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, nonce).setAAD(Buffer.from(runId));
    const data = Buffer.concat([cipher.update(JSON.stringify(values), 'utf8'), cipher.final()]);
    return FORMAT + Buffer.concat([nonce, cipher.getAuthTag(), data]).toString('base64url');
  }

  async open(runId: string, sealed: string): Promise<Record<string, string>> {
    if (!sealed.startsWith(FORMAT)) throw new Error(`the sealed values of run ${runId} are of another format`);
    const bytes = Buffer.from(sealed.slice(FORMAT.length), 'base64url');
    const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(0, NONCE_BYTES))
      .setAAD(Buffer.from(runId))
      .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
    return valuesSchema.parse(JSON.parse(text));
  }
}
