import { BatchGetBuildsCommand, CodeBuildClient, ListBuildsForProjectCommand, StartBuildCommand } from '@aws-sdk/client-codebuild';
import { ECRClient, ImageNotFoundException } from '@aws-sdk/client-ecr';
import { expect, test } from 'vitest';
import { ImageBuilds } from '#aws/image-builds.ts';
import { clientOptions } from '../support/aws-clients.ts';
import { wrapRequests } from '../support/call-counter.ts';
import { HandClock } from '../support/hand-clock.ts';

const BUILD = { repository: 'trainer', tag: 'cafe', project: 'trainer-build' };

/** An account whose image is there or not, and whose newest build has this status. */
function anAccount({ isThere = false, status = null as string | null } = {}) {
  const account = { isThere, status, asked: 0, started: [] as unknown[] };
  const images = new ECRClient(clientOptions());
  wrapRequests(images, 'initialize', async () => {
    account.asked++;
    if (!account.isThere) throw new ImageNotFoundException({ $metadata: {}, message: 'no such image' });
    return { output: { $metadata: {} } };
  });
  const builds = new CodeBuildClient(clientOptions());
  builds.send = (async (command: unknown) => {
    if (command instanceof ListBuildsForProjectCommand) return { ids: account.status === null ? [] : ['build:1'] };
    if (command instanceof BatchGetBuildsCommand) return { builds: [{ buildStatus: account.status }] };
    if (command instanceof StartBuildCommand) return account.started.push(command.input);
    throw new Error('not asked for');
  }) as typeof builds.send;
  const clock = new HandClock();
  return { account, clock, image: new ImageBuilds({ build: BUILD, images, builds, clock }) };
}

test('an image that is there makes nobody wait, and is not asked for again', async () => {
  const { account, image } = anAccount({ isThere: true });

  expect([await image.reasonToWait(), await image.reasonToWait()]).toEqual([null, null]);
  expect(account.asked).toBe(1);
});

test('a run waits while the image is built, and goes on within half a minute of its being there', async () => {
  const { account, clock, image } = anAccount({ status: 'IN_PROGRESS' });

  const building = await image.reasonToWait();
  account.isThere = true;
  const soon = await image.reasonToWait();
  clock.advance(30_001);

  expect(building).toMatchObject({ code: 'image_building', sentence: "the trainer's image is being built in this account" });
  expect(soon).toBe(building);
  expect(await image.reasonToWait()).toBeNull();
});

test('a build that failed, or that never began, is said, with where to look', async () => {
  const failed = await anAccount({ status: 'FAILED' }).image.reasonToWait();
  const never = await anAccount().image.reasonToWait();

  expect(failed?.sentence).toMatch(/newest build ended FAILED/);
  expect(failed?.remedy).toMatch(/trainer-build in CodeBuild/);
  expect(never?.sentence).toMatch(/was never started/);
});

test('a build is asked for by its tag, so that asking twice is one build', async () => {
  const { account, image } = anAccount();

  await image.start();

  expect(account.started).toEqual([{ projectName: 'trainer-build', idempotencyToken: 'cafe' }]);
});
