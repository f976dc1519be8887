import { BatchClient } from '@aws-sdk/client-batch';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Clock } from '#ports/workflow.ts';
import { BatchCompute } from '../batch/batch-compute.ts';
import { BatchJobs } from '../batch/batch-jobs.ts';
import type { ComputeClass } from '../batch/compute-classes.ts';
import { VcpuQuota } from '../batch/vcpu-quota.ts';
import type { ImageBuilds } from '../image-builds.ts';
import { lazyPort } from '../lazy-port.ts';
import type { DynamoTable } from '../table/dynamo-table.ts';
import type { TrainerBuild } from '../trainer-build.ts';
import { CLIENT_OPTIONS } from './client-options.ts';

export interface OpenBatch {
  readonly compute: BatchCompute;
  readonly jobs: BatchJobs;
}

export interface BatchPlane {
  readonly classes: readonly ComputeClass[];
  /** null: the image was given */
  readonly build: TrainerBuild | null;
}

export function openBatch({ classes, build }: BatchPlane, table: DynamoTable, clock: Clock): OpenBatch {
  const client = new BatchClient(CLIENT_OPTIONS);
  const jobs = new BatchJobs({ client, table, clock });
  const quota = new VcpuQuota({ client: new ServiceQuotasClient(CLIENT_OPTIONS), clock });
  const images = build && lazyPort<ImageBuilds>(async () => (await import('./image-builds.ts')).openImageBuilds(build, clock));
  const compute = new BatchCompute({
    client,
    jobs,
    classes,
    quota: (code) => quota.find(code),
    ...(images && { imageToCome: () => images.reasonToWait() }),
    clock,
  });
  return { jobs, compute };
}
