import { defineConfig } from 'vitest/config';

/** Suites of the AWS home: they share one emulator, which is started only where one of them is asked for. */
const DEPLOY = ['test/deploy/**/*.test.ts'];
const AWS = ['test/aws/**/*.test.ts', 'test/ports/aws-*.test.ts', 'test/emulator/**/*.test.ts'];

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: more workers only take each other's time.
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'plane', include: ['test/**/*.test.ts'], exclude: [...AWS, ...DEPLOY] } },
      // A whole stage in an emulator of its own (npm run test:deploy).
      { extends: true, test: { name: 'deploy', include: DEPLOY } },
      { extends: true, test: { name: 'aws', include: AWS, globalSetup: ['test/emulator/global-setup.ts'] } },
    ],
  },
});
