/** Tokens of machines under a key that is derived from the plane's secret. The plane's id is no secret: it tells planes of one account apart. */
import { createHash } from 'node:crypto';
import { issueMachineToken, type MachineTokenKind, readMachineToken } from '#domain/machine-tokens.ts';
import type { MachineTokens } from '#ports/secrets.ts';
import type { KeySecrets } from './key-secrets.ts';

export class SecretMachineTokens implements MachineTokens {
  readonly planeId: string;
  readonly #key: () => Promise<Uint8Array>;

  constructor({ secrets, keySecretArn }: { readonly secrets: Pick<KeySecrets, 'key'>; readonly keySecretArn: string }) {
    this.planeId = createHash('sha256').update(keySecretArn).digest('hex').slice(0, 8);
    this.#key = () => secrets.key(keySecretArn, 'machine-tokens');
  }

  async issue(kind: MachineTokenKind, subject: string): Promise<string> {
    return issueMachineToken(await this.#key(), kind, subject);
  }

  async subjectOf(kind: MachineTokenKind, token: string): Promise<string | null> {
    return readMachineToken(await this.#key(), kind, token);
  }
}
