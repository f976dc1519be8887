import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { expect, test } from 'vitest';
import { VcpuQuota } from '#aws/batch/vcpu-quota.ts';
import { clientOptions } from '../../support/aws-clients.ts';
import { wrapRequests } from '../../support/call-counter.ts';
import { HandClock } from '../../support/hand-clock.ts';

test('asks for a quota once in five minutes, and sees one that was raised', async () => {
  const client = new ServiceQuotasClient(clientOptions());
  const clock = new HandClock();
  const asked: unknown[] = [];
  let value = 0;
  wrapRequests(client, 'initialize', async ({ input }) => {
    asked.push(input);
    return { output: { $metadata: {}, Quota: { Value: value } } };
  });
  const quota = new VcpuQuota({ client, clock });

  const first = [await quota.find('L-DB2E81BA'), await quota.find('L-DB2E81BA')];
  value = 64;
  clock.advance(5 * 60_000 + 1);

  expect([...first, await quota.find('L-DB2E81BA')]).toEqual([0, 0, 64]);
  expect(asked).toEqual(Array.from({ length: 2 }, () => ({ ServiceCode: 'ec2', QuotaCode: 'L-DB2E81BA' })));
});

test('a quota that cannot be read stops nobody: AWS Batch tells of it later', async () => {
  const client = new ServiceQuotasClient(clientOptions());
  const lines: unknown[] = [];
  wrapRequests(client, 'initialize', async () => {
    throw new Error('not authorized');
  });

  const quota = new VcpuQuota({ client, clock: new HandClock(), log: (line) => lines.push(line) });

  expect(await quota.find('L-DB2E81BA')).toBe(Number.POSITIVE_INFINITY);
  expect(lines).toEqual([{ level: 'warn', event: 'quota-not-read', code: 'L-DB2E81BA', message: 'not authorized' }]);
});
