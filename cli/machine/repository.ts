import { join } from 'node:path';

/** Where this program lies, with the trainer and the examples beside it. */
export const REPOSITORY = join(import.meta.dirname, '..', '..');
