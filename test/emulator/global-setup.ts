/** One emulator for all suites of the AWS home; each test file makes tables and buckets of its own. */
import type { TestProject } from 'vitest/node';
import { type Emulator, startEmulator } from './start-emulator.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    awsEndpoint: string;
  }
}

let emulator: Emulator | null = null;

export async function setup(project: TestProject): Promise<void> {
  emulator = await startEmulator();
  project.provide('awsEndpoint', emulator.endpoint);
}

export async function teardown(): Promise<void> {
  await emulator?.stop();
}
