/** Everything that trains: network, machines' roles, images, and a queue for each compute class. */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { TRAINER_IMAGE } from '#aws/batch/compute-classes.ts';
import { toClassId } from './class-id.ts';
import { BatchComputeClass } from './compute-class.ts';
import { createInstanceProfile, createJobRole } from './machine-roles.ts';
import { Network } from './network.ts';
import type { StageSettings } from './settings/stage-settings.ts';
import { BuiltTrainerImage } from './trainer-image.ts';

export class TrainingCompute extends Construct {
  /** null where the settings name an image */
  readonly image: BuiltTrainerImage | null;
  readonly classes: readonly BatchComputeClass[];
  readonly network: Network;

  constructor(scope: Construct, id: string, settings: StageSettings) {
    super(scope, id);
    const logDays: RetentionDays = settings.logDays;
    this.image = settings.image === 'build' ? new BuiltTrainerImage(this, 'Image', { logDays }) : null;
    this.network = new Network(this, 'Network', { kind: settings.network, availabilityZones: settings.availabilityZones });
    const logs = new LogGroup(this, 'MachineLogs', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
    const images = { [TRAINER_IMAGE]: this.image?.uri ?? settings.image, ...settings.images };
    const built = this.image ? [this.image.repository] : [];
    const profile = createInstanceProfile(this, { logs, repositories: [...built, ...ownRepositories(this, Object.values(images))] });
    const jobRole = createJobRole(this);
    this.classes = settings.compute.map(
      (one) => new BatchComputeClass(this, toClassId(one.name), { settings: one, network: this.network, profile, jobRole, logs, images }),
    );
  }

  toComputeClasses(): ReturnType<BatchComputeClass['toComputeClass']>[] {
    return this.classes.map((one) => one.toComputeClass());
  }
}

/** Repositories of ECR that given images lie in; of any account, which has to let this one in. */
function ownRepositories(scope: Construct, images: readonly string[]): { repositoryArn: string }[] {
  const { partition } = Stack.of(scope);
  const found = images.flatMap((image) => {
    const [, account, region, name] = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([a-z0-9._/-]+)@/.exec(image) ?? [];
    return account === undefined ? [] : [`arn:${partition}:ecr:${region}:${account}:repository/${name}`];
  });
  return [...new Set(found)].map((repositoryArn) => ({ repositoryArn }));
}
