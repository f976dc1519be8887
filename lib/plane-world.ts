/** What the functions of the plane are told, and what they may touch: everything that is made before them. */
import { Fn, Lazy, Stack } from 'aws-cdk-lib';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { ArnPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type * as z from 'zod';
import type { EnvironmentOf } from '#aws/environment.ts';
import type { rentalSettingsSchema } from '#aws/rental-settings.ts';
import * as grant from './plane-permissions.ts';
import { workflowArn } from './run-workflow.ts';
import type { StageSettings } from './settings/stage-settings.ts';
import type { PlaneSocketApi } from './socket-api.ts';
import type { StateStack } from './state-stack.ts';
import type { TrainingCompute } from './training-compute.ts';
import { allow } from './wildcards.ts';

export interface PlaneWorldParts {
  readonly settings: StageSettings;
  readonly state: StateStack;
  readonly compute: TrainingCompute;
  readonly bus: EventBus;
  readonly sockets: PlaneSocketApi;
  /** where callers and machines reach the plane */
  readonly url: string;
  readonly dashboardFiles: Bucket;
}

export interface PlaneWorld {
  readonly environments: {
    readonly api: EnvironmentOf<'api'>;
    readonly default: EnvironmentOf<'default'>;
    readonly work: EnvironmentOf<'work'>;
    readonly sweeper: EnvironmentOf<'sweeper'>;
    readonly stream: EnvironmentOf<'stream'>;
    readonly websocket: EnvironmentOf<'websocket'>;
  };
  readonly state: StateStack;
  readonly bus: EventBus;
  readonly dashboardFiles: Bucket;
  readonly workflowArn: string;
  readonly connectionsArn: string;
  /** where run folders lie: the plane's bucket, and what the settings add */
  readonly bases: readonly grant.StorageArea[];
  /** where data are read, beside `bases` */
  readonly data: readonly grant.StorageArea[];
  readonly namedSecretArns: readonly string[];
  /** keys of providers that machines are rented from, and the login of their image's registry */
  readonly rentalSecretArns: readonly string[];
  readonly batch: grant.BatchParts;
  readonly grantRole: GrantRole;
  /** Is the image there? Nothing, where it was given. */
  readonly grantImageLook: (to: Role) => void;
  /** To see to it that it will be. Null, where it was given. */
  readonly grantImageBuild: ((to: Role) => void) | null;
}

export function createPlaneWorld(
  scope: Construct,
  { settings, state, compute, bus, sockets, url, dashboardFiles }: PlaneWorldParts,
): PlaneWorld {
  const { partition } = Stack.of(scope);
  const { image } = compute;
  const areas = (uris: readonly string[]): grant.StorageArea[] => uris.map((uri) => grant.areaOfUri(uri, partition));
  const bases = [grant.areaOfBucket(state.bucket), ...areas(settings.storage.bases)];
  const data = areas(settings.storage.data);
  const grantRole = new GrantRole(scope, bases, data);
  const arn = workflowArn(scope);
  const store = { TUNEPLANE_TABLE: state.table.tableName };
  const socketsOfPlane = { TUNEPLANE_WEBSOCKET_ENDPOINT: sockets.endpoint };
  const origins = { TUNEPLANE_ALLOWED_ORIGINS: settings.allowedOrigins.join(',') };
  const callers = {
    TUNEPLANE_TOKEN_SECRET_ARN: state.secrets.token.secretArn,
    ...origins,
    TUNEPLANE_OIDC_ISSUER: settings.oidc?.issuer ?? '',
    TUNEPLANE_OIDC_AUDIENCE: settings.oidc?.audience ?? '',
  };
  const published = { TUNEPLANE_EVENT_BUS: bus.eventBusName };
  const work: EnvironmentOf<'work'> = {
    ...store,
    TUNEPLANE_BUCKET: state.bucket.bucketName,
    TUNEPLANE_STATE_MACHINE_ARN: arn,
    TUNEPLANE_NUDGE_QUEUE_URL: state.nudges.queue.queueUrl,
    TUNEPLANE_KEY_SECRET_ARN: state.secrets.key.secretArn,
    TUNEPLANE_GRANT_ROLE_ARN: grantRole.roleArn,
    TUNEPLANE_URL: url,
    TUNEPLANE_STORAGE_DATA: settings.storage.data.join(','),
    TUNEPLANE_STORAGE_BASES: settings.storage.bases.join(','),
    TUNEPLANE_SECRETS: Object.entries(settings.secrets)
      .map(([name, secretArn]) => `${name}=${secretArn}`)
      .join(','),
    TUNEPLANE_COMPUTE_CLASSES: Stack.of(scope).toJsonString(compute.toComputeClasses()),
    TUNEPLANE_TRAINER_BUILD: image ? Stack.of(scope).toJsonString(image.toTrainerBuild()) : '',
    TUNEPLANE_RENTALS: toRentals(settings),
    TUNEPLANE_DEFAULT_BASE: settings.defaultModel,
    TUNEPLANE_STALL_SECONDS: String(settings.stallSeconds),
  };
  return {
    environments: {
      api: { ...work, ...callers },
      default: origins,
      work,
      sweeper: { ...work, ...socketsOfPlane, ...published },
      stream: { ...store, ...socketsOfPlane, ...published, TUNEPLANE_URL: url },
      websocket: { ...store, ...callers, ...socketsOfPlane },
    },
    state,
    bus,
    dashboardFiles,
    workflowArn: arn,
    connectionsArn: sockets.connectionsArn,
    bases,
    data,
    namedSecretArns: Object.values(settings.secrets),
    rentalSecretArns: rentalSecrets(settings),
    batch: {
      queueArns: compute.classes.map((one) => one.queue.ref),
      definitionArns: compute.classes.flatMap((one) => Object.values(one.definitions).map(({ ref }) => anyRevision(scope, ref))),
      quotaCodes: [...new Set(compute.classes.flatMap((one) => one.machine.quotaCode ?? []))],
    },
    grantRole,
    grantImageLook: (to) => {
      if (!image) return;
      allow(to, ['ecr:DescribeImages'], image.repository.repositoryArn);
      allow(to, ['codebuild:ListBuildsForProject', 'codebuild:BatchGetBuilds'], image.project.projectArn);
    },
    grantImageBuild:
      image &&
      ((to) => {
        allow(to, ['ecr:DescribeImages'], image.repository.repositoryArn);
        allow(to, ['codebuild:StartBuild'], image.project.projectArn);
      }),
  };
}

/**
 * What a machine may become for an hour: never this role as it is, but what a session policy leaves of it for one attempt
 * (lambdas/s3/grant-policy.ts). Only the function that answers claims may take it.
 */
export class GrantRole extends Role {
  #trusted: string | null = null;

  constructor(scope: Construct, bases: readonly grant.StorageArea[], data: readonly grant.StorageArea[]) {
    super(scope, 'GrantRole', {
      description: 'Storage of training machines, cut down to one attempt for an hour',
      assumedBy: new ArnPrincipal(Lazy.string({ produce: () => this.#trusted ?? undefined })),
    });
    grant.grantRead(this, [...bases, ...data]);
    grant.grantWrite(this, bases);
    grant.grantRemove(this, bases);
    grant.grantAbortUploads(this, bases);
  }

  /** That function's role, and no other: it is made later, because its environment names this one. */
  trust(role: Role): void {
    this.#trusted = role.roleArn;
    grant.grantAssume(role, this);
  }
}

/** A definition that was deployed a moment ago is another revision, and functions that are still warm name the one before. */
function anyRevision(scope: Construct, definitionArn: string): string {
  const { partition, region, account } = Stack.of(scope);
  return `arn:${partition}:batch:${region}:${account}:${Fn.select(5, Fn.split(':', definitionArn))}:*`; // job-definition/<name>
}

function toRentals({ rentals }: StageSettings): string {
  if (!rentals) return '';
  const { registrySecret, ...rest } = rentals;
  const told: z.input<typeof rentalSettingsSchema> = {
    ...rest,
    ...(registrySecret !== undefined && { registrySecretArn: registrySecret }),
  };
  return JSON.stringify(told);
}

const rentalSecrets = ({ rentals }: StageSettings): string[] =>
  rentals ? [...Object.values(rentals.keys), ...(rentals.registrySecret === undefined ? [] : [rentals.registrySecret])] : [];
