/**
 * The trainer's image where the account builds it by itself: is it there, is it being made, or did that fail? What is there stays there,
 * since its tag is the hash of its sources; what is not is asked for at most every half minute.
 */
import { BatchGetBuildsCommand, type CodeBuildClient, ListBuildsForProjectCommand, StartBuildCommand } from '@aws-sdk/client-codebuild';
import { DescribeImagesCommand, type ECRClient, ImageNotFoundException } from '@aws-sdk/client-ecr';
import type { Reason } from '#ports/compute.ts';
import type { Clock } from '#ports/workflow.ts';
import type { TrainerBuild } from './trainer-build.ts';

const KEPT_MILLIS = 30_000;

export interface ImageBuildsOptions {
  readonly build: TrainerBuild;
  readonly images: Pick<ECRClient, 'send'>;
  readonly builds: Pick<CodeBuildClient, 'send'>;
  readonly clock: Clock;
}

export class ImageBuilds {
  readonly #options: ImageBuildsOptions;
  #isThere = false;
  #known: { readonly reason: Reason; readonly until: number } | null = null;

  constructor(options: ImageBuildsOptions) {
    this.#options = options;
  }

  /** Why a run has to wait for its image; null where it is there. */
  async reasonToWait(): Promise<Reason | null> {
    if (this.#known && this.#known.until > this.#options.clock.now()) return this.#known.reason;
    if (await this.isThere()) return null;
    const reason = toReason(await this.#newestStatus(), this.#options.build);
    this.#known = { reason, until: this.#options.clock.now() + KEPT_MILLIS };
    return reason;
  }

  async isThere(): Promise<boolean> {
    if (this.#isThere) return true;
    const { images, build } = this.#options;
    try {
      await images.send(new DescribeImagesCommand({ repositoryName: build.repository, imageIds: [{ imageTag: build.tag }] }));
      this.#isThere = true;
    } catch (error) {
      if (!(error instanceof ImageNotFoundException)) throw error;
    }
    return this.#isThere;
  }

  /** Does not wait for its end. Asked twice for a tag within minutes, CodeBuild starts one build. */
  async start(): Promise<void> {
    const { builds, build } = this.#options;
    await builds.send(new StartBuildCommand({ projectName: build.project, idempotencyToken: build.tag }));
  }

  /** Null where nothing was ever built. */
  async #newestStatus(): Promise<string | null> {
    const { builds, build } = this.#options;
    const { ids: [newest] = [] } = await builds.send(
      new ListBuildsForProjectCommand({ projectName: build.project, sortOrder: 'DESCENDING' }),
    );
    if (newest === undefined) return null;
    const { builds: [found] = [] } = await builds.send(new BatchGetBuildsCommand({ ids: [newest] }));
    return found?.buildStatus ?? null;
  }
}

function toReason(status: string | null, { project }: TrainerBuild): Reason {
  if (status === 'IN_PROGRESS' || status === 'SUCCEEDED') {
    return {
      code: 'image_building',
      sentence: "the trainer's image is being built in this account",
      remedy: 'it starts by itself when the image is there, mostly within twenty minutes of a deployment',
    };
  }
  return {
    code: 'image_building',
    sentence: `the trainer's image is not there, and its newest build ${status === null ? 'was never started' : `ended ${status}`}`,
    remedy: `the operator looks at the project ${project} in CodeBuild, and starts it again; the run goes on by itself`,
  };
}
