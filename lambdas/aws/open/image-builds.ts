import { CodeBuildClient } from '@aws-sdk/client-codebuild';
import { ECRClient } from '@aws-sdk/client-ecr';
import type { Clock } from '#ports/workflow.ts';
import { ImageBuilds } from '../image-builds.ts';
import type { TrainerBuild } from '../trainer-build.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

export const openImageBuilds = (build: TrainerBuild, clock: Clock): ImageBuilds =>
  new ImageBuilds({ build, images: new ECRClient(CLIENT_OPTIONS), builds: new CodeBuildClient(CLIENT_OPTIONS), clock });
