import { createHandler } from '../deployment-resource.ts';
import { trainerBuildSchema } from '../trainer-build.ts';

/** Starts the build of a trainer image that a deployment brings and that is not there yet. */
export function bindTrainerBuild(): (event: unknown) => Promise<void> {
  return createHandler(async (properties) => {
    const { repository, tag, project } = properties;
    const { openImageBuilds } = await import('../open/image-builds.ts');
    const images = openImageBuilds(trainerBuildSchema.parse({ repository, tag, project }), { now: Date.now });
    if (!(await images.isThere())) await images.start();
  });
}
