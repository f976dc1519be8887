import type { StorageGrants } from '#ports/secrets.ts';

/** Run folders are folders of this machine: who may use them is the file system's to say. */
export const noStorageGrants: StorageGrants = { for: async () => null };
