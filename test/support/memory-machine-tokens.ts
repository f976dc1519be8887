import { issueMachineToken, type MachineTokenKind, planeIdOf, readMachineToken } from '#domain/machine-tokens.ts';
import type { MachineTokens } from '#ports/secrets.ts';

const KEY = Buffer.alloc(32, 7);

/** Real tokens, under a key that every test knows. */
export const memoryMachineTokens: MachineTokens = {
  planeId: planeIdOf(KEY),
  issue: async (kind: MachineTokenKind, subject: string) => issueMachineToken(KEY, kind, subject),
  subjectOf: async (kind: MachineTokenKind, token: string) => readMachineToken(KEY, kind, token),
};
