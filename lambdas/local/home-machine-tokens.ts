import { join } from 'node:path';
import { issueMachineToken, type MachineTokenKind, planeIdOf, readMachineToken } from '#domain/machine-tokens.ts';
import type { MachineTokens } from '#ports/secrets.ts';
import { openHomeKey } from './home-key.ts';

/** Machine tokens under a key of the home's own, in <home>/machines.key, 0600. Whoever replaces it shuts every machine out. */
export class HomeMachineTokens implements MachineTokens {
  readonly planeId: string;
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
    this.planeId = planeIdOf(key);
  }

  /** Makes the key where the home has none. @throws Error where the key file is not whole */
  static open(home: string): HomeMachineTokens {
    return new HomeMachineTokens(openHomeKey(join(home, 'machines.key')));
  }

  async issue(kind: MachineTokenKind, subject: string): Promise<string> {
    return issueMachineToken(this.#key, kind, subject);
  }

  async subjectOf(kind: MachineTokenKind, token: string): Promise<string | null> {
    return readMachineToken(this.#key, kind, token);
  }
}
