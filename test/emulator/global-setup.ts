/** One emulator for all suites of the AWS home; each test file makes tables and buckets of its own. */
import { EMULATOR_VARIABLE } from '../support/aws-clients.ts';
import { type Emulator, startEmulator } from './start-emulator.ts';

let emulator: Emulator | null = null;

/** Workers start with what the environment is then. */
export async function setup(): Promise<void> {
  emulator = await startEmulator();
  process.env[EMULATOR_VARIABLE] = emulator.endpoint;
}

export async function teardown(): Promise<void> {
  await emulator?.stop();
}
