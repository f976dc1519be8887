/**
 * The trainer's image: a given one, or one that this account builds for itself. A build needs no Docker anywhere but in CodeBuild; it
 * starts when a deployment brings other sources, and nobody waits for it but the runs (`image_building`).
 *
 * Its tag is the hash of its sources, and ECR lets nobody move a tag: what a digest says of an image that is there, the tag says of one
 * that is still to be made.
 */
import { join } from 'node:path';
import { CustomResource, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { BuildSpec, ComputeType, LinuxBuildImage, Project, Source } from 'aws-cdk-lib/aws-codebuild';
import { Repository, TagMutability, TagStatus } from 'aws-cdk-lib/aws-ecr';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct } from 'constructs';
import type { TrainerBuild } from '#aws/trainer-build.ts';
import { explainWildcards } from './wildcards.ts';

const SOURCES = join(import.meta.dirname, '..', 'trainer-image');
/** What is not part of the image must not make a new one. */
const NOT_SOURCES = ['.venv', 'tests', '**/__pycache__', '*.md', '.pytest_cache', '.ruff_cache', '.dockerignore'];
const KEPT_IMAGES = 5;
const BUILD_MINUTES = 120;

export class BuiltTrainerImage extends Construct {
  readonly repository: Repository;
  readonly project: Project;
  readonly tag: string;

  constructor(scope: Construct, id: string, { logDays }: { readonly logDays: RetentionDays }) {
    super(scope, id);
    this.repository = new Repository(this, 'Repository', {
      imageTagMutability: TagMutability.IMMUTABLE,
      imageScanOnPush: true,
      emptyOnDelete: true,
      removalPolicy: RemovalPolicy.DESTROY,
      lifecycleRules: [
        { rulePriority: 1, tagStatus: TagStatus.UNTAGGED, maxImageAge: Duration.days(1), description: 'builds that were cut off' },
        { rulePriority: 2, tagStatus: TagStatus.ANY, maxImageCount: KEPT_IMAGES, description: 'the newest, so that a release can go back' },
      ],
    });
    const sources = new Asset(this, 'Sources', { path: SOURCES, exclude: NOT_SOURCES });
    this.tag = sources.assetHash.slice(0, 32);
    this.project = new Project(this, 'Build', {
      description: 'Builds the trainer image from its sources, where it is not there yet',
      source: Source.s3({ bucket: sources.bucket, path: sources.s3ObjectKey }),
      environment: { buildImage: LinuxBuildImage.STANDARD_7_0, computeType: ComputeType.LARGE, privileged: true },
      environmentVariables: { REPOSITORY: { value: this.repository.repositoryUri }, TAG: { value: this.tag } },
      timeout: Duration.minutes(BUILD_MINUTES),
      buildSpec: BuildSpec.fromObject({
        version: '0.2',
        phases: {
          build: {
            commands: [
              // A tag that is there is never pushed again: a build that was asked for twice ends well.
              'if docker manifest inspect "$REPOSITORY:$TAG" > /dev/null 2>&1; then exit 0; fi',
              'docker build --tag "$REPOSITORY:$TAG" .',
              'docker push "$REPOSITORY:$TAG"',
            ],
          },
          pre_build: {
            commands: ['aws ecr get-login-password | docker login --username AWS --password-stdin "$(echo "$REPOSITORY" | cut -d/ -f1)"'],
          },
        },
      }),
      logging: {
        cloudWatch: { logGroup: new LogGroup(this, 'BuildLogs', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY }) },
      },
    });
    this.repository.grantPullPush(this.project);
    const role = this.project.role;
    if (role) {
      explainWildcards(role, 'reading the one object of the sources, as the library grants it', {
        actions: ['s3:GetBucket*', 's3:GetObject*', 's3:List*'],
      });
      explainWildcards(role, 'ecr:GetAuthorizationToken knows no resources', { resources: ['*'] });
      const { partition, region, account } = Stack.of(this);
      explainWildcards(role, 'a stream and a report for each build of this project', {
        resources: [
          `arn:${partition}:logs:${region}:${account}:log-group:/aws/codebuild/${this.project.projectName}:*`,
          `arn:${partition}:codebuild:${region}:${account}:report-group/${this.project.projectName}-*`,
        ],
      });
    }
    Validations.of(this.project).acknowledge(
      {
        id: 'AwsSolutions-CB3',
        reason: 'an image is built with Docker, which needs a privileged container; the project builds these sources alone',
      },
      {
        id: 'AwsSolutions-CB4',
        reason: "artifacts are an image in ECR, which is encrypted; there is nothing for the project's own key to encrypt",
      },
    );
  }

  get uri(): string {
    return this.repository.repositoryUriForTag(this.tag);
  }

  toTrainerBuild(): TrainerBuild {
    return { repository: this.repository.repositoryName, tag: this.tag, project: this.project.projectName };
  }

  /** Starts the build when a deployment brings another tag. @param starter a function that answers CloudFormation, and does not wait */
  buildOnDeploy(starter: IFunction): void {
    const resource = new CustomResource(this, 'StartBuild', {
      resourceType: 'Custom::TrainerBuild',
      serviceToken: starter.functionArn,
      properties: { ...this.toTrainerBuild() },
    });
    resource.node.addDependency(this.project, this.repository);
  }
}
