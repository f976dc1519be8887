import { BatchClient, ListJobsCommand } from '@aws-sdk/client-batch';

const LIVE = ['SUBMITTED', 'PENDING', 'RUNNABLE', 'STARTING', 'RUNNING'] as const;

/** How many jobs of a queue wait or run; of each state at most a hundred are counted. @param jobQueue name or ARN */
export async function liveJobsOf(jobQueue: string): Promise<number> {
  const client = new BatchClient({});
  let live = 0;
  for (const jobStatus of LIVE) live += (await client.send(new ListJobsCommand({ jobQueue, jobStatus }))).jobSummaryList?.length ?? 0;
  return live;
}
