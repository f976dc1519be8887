/** Where the account builds the trainer's image by itself: what is built, and by whom. */
import * as z from 'zod';

export const trainerBuildSchema = z.strictObject({
  /** of ECR, by name */
  repository: z.string().min(1),
  /** the hash of the sources */
  tag: z.string().min(1),
  /** of CodeBuild, by name */
  project: z.string().min(1),
});
export type TrainerBuild = z.infer<typeof trainerBuildSchema>;
