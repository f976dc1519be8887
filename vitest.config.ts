import { defineConfig } from 'vitest/config';

/** A whole stage, deployed into an emulator of its own (npm run test:deploy). */
const DEPLOY = ['test/deploy/**/*.test.ts'];
/** Suites of the AWS home, and of runs in a store: they share one emulator, which is started only where one of them is asked for. */
const AWS = ['test/aws/**/*.test.ts', 'test/ports/aws-*.test.ts', 'test/emulator/**/*.test.ts', 'test/full-runs/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers only take each other's time.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'plane', include: ['test/**/*.test.ts'], exclude: [...AWS, ...DEPLOY] } },
      { extends: true, test: { name: 'deploy', include: DEPLOY } },
      { extends: true, test: { name: 'aws', include: AWS, globalSetup: ['test/emulator/global-setup.ts'] } },
    ],
  },
});
