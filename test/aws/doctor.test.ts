/**
 * What `npm run doctor` and every deployment find of an account. Quotas, and which machines a region offers, the emulator does not know:
 * a server on loopback answers those in the words of AWS' documents (Service Quotas: JSON 1.1; EC2: its query protocol).
 */
import { createServer, type Server } from 'node:http';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { DeleteParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { accountChecks } from '../../bin/aws/checks/account-checks.ts';
import { type Finding, runChecks } from '../../bin/aws/checks/finding.ts';
import { parseSettings } from '../../lib/settings/read-settings.ts';
import { clientOptions, REGION, uniqueName } from '../support/aws-clients.ts';

const BOOTSTRAP = '/cdk-bootstrap/hnb659fds/version';

let server: Server;
/** vCPUs by the code of a quota; one that is not here is refused */
let quotas: Record<string, number>;
let offered: string[];

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.headers['x-amz-target'] === undefined) {
      const item = (name: string, value: string) => `<item><${name}>${value}</${name}></item>`;
      const types = `<instanceTypeOfferingSet>${offered.map((type) => item('instanceType', type)).join('')}</instanceTypeOfferingSet>`;
      const zones = `<availabilityZoneInfo>${['a', 'b', 'c'].map(() => item('zoneState', 'available')).join('')}</availabilityZoneInfo>`;
      const [, action = ''] = /Action=(\w+)/.exec(body) ?? [];
      response.end(`<${action}Response>${action === 'DescribeAvailabilityZones' ? zones : types}</${action}Response>`);
      return;
    }
    const { QuotaCode } = JSON.parse(body);
    const value = quotas[QuotaCode];
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (value === undefined) response.writeHead(400).end(JSON.stringify({ __type: 'AccessDeniedException', Message: 'not for you' }));
    else response.end(JSON.stringify({ Quota: { QuotaCode, QuotaName: 'Running On-Demand G and VT instances', Value: value } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: clientOptions().endpoint,
    AWS_ENDPOINT_URL_EC2: url,
    AWS_ENDPOINT_URL_SERVICE_QUOTAS: url,
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  });
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
beforeEach(() => {
  quotas = { 'L-DB2E81BA': 64 };
  offered = ['g5.xlarge'];
});

const GPU = { compute: [{ name: 'a10g', instanceTypes: ['g5.xlarge'], maxVcpus: 16 }] };

async function look(settings: Readonly<Record<string, unknown>> = GPU): Promise<Record<string, readonly Finding[]>> {
  const context = {
    stage: 'dev',
    settings: parseSettings(settings, 'the settings of this test'),
    settingsFile: null,
    account: '000000000000',
    region: REGION,
    caller: 'root',
  };
  return Object.fromEntries((await runChecks(accountChecks(context))).map(({ name, findings }) => [name, findings]));
}

test('a new account may start no GPU: the quota is named, how much to ask for, and that runs will wait', async () => {
  quotas = { 'L-DB2E81BA': 0 };

  const [finding] = (await look())['quotas'] ?? [];

  expect(finding).toEqual({
    verdict: 'poor',
    sentence: 'class a10g: the account may run 0 vCPUs of this family, one run needs 4: its runs will wait',
    remedy: 'ask for 16 at Service Quotas, EC2, L-DB2E81BA (Running On-Demand G and VT instances); new accounts have 0 for GPUs',
  });
});

test('a quota below what the class may grow to says so; one that is enough is good; one that cannot be read is no reason to stop', async () => {
  quotas = { 'L-DB2E81BA': 8 };
  expect((await look())['quotas']).toEqual([
    expect.objectContaining({ verdict: 'poor', sentence: expect.stringContaining('and the class up to 16') }),
  ]);
  quotas = { 'L-DB2E81BA': 64 };
  expect((await look())['quotas']).toEqual([{ verdict: 'good', sentence: 'class a10g: the account may run 64 vCPUs of this family' }]);
  quotas = {};
  expect((await look())['quotas']).toEqual([expect.objectContaining({ verdict: 'poor', sentence: 'could not look: not for you' })]);
});

test('a machine that the region does not offer would never start: that is bad', async () => {
  offered = [];

  expect((await look())['machines']).toEqual([
    {
      verdict: 'bad',
      sentence: 'class a10g: this region does not offer g5.xlarge',
      remedy: 'take another instance type, or another region',
    },
  ]);
  offered = ['g5.xlarge'];
  expect((await look())['machines']).toEqual([expect.objectContaining({ verdict: 'good' })]);
});

test('an account without the bootstrap of the CDK, or with an old one, is told the command', async () => {
  const client = new SSMClient(clientOptions());
  const remedy = 'npm run bootstrap -- dev';

  expect((await look())['bootstrap']).toEqual([
    { verdict: 'bad', sentence: 'the CDK has no bootstrap in this account and region', remedy },
  ]);
  await client.send(new PutParameterCommand({ Name: BOOTSTRAP, Value: '3', Type: 'String' }));
  expect((await look())['bootstrap']).toEqual([{ verdict: 'bad', sentence: "the CDK's bootstrap has version 3, 6 is needed", remedy }]);
  await client.send(new PutParameterCommand({ Name: BOOTSTRAP, Value: '28', Type: 'String', Overwrite: true }));
  expect((await look())['bootstrap']).toEqual([{ verdict: 'good', sentence: "the CDK's bootstrap is there (version 28)" }]);
  await client.send(new DeleteParameterCommand({ Name: BOOTSTRAP }));
});

test('more zones than there are, and a spot class in an account that never used spot, are bad, each with what to do', async () => {
  const found = await look({ availabilityZones: 4, compute: [{ ...GPU.compute[0], spot: true }] });

  expect(found['zones']).toEqual([
    { verdict: 'bad', sentence: '4 availability zones are asked for, and there are 3', remedy: "set 'availabilityZones: 3'" },
  ]);
  expect(found['spot']).toEqual([
    {
      verdict: 'bad',
      sentence: 'the account has never used spot machines',
      remedy: 'aws iam create-service-linked-role --aws-service-name spot.amazonaws.com',
    },
  ]);
});

test('a secret that the settings name and that is not there is bad', async () => {
  const { ARN = '' } = await new SecretsManagerClient(clientOptions()).send(
    new CreateSecretCommand({ Name: uniqueName('secret'), SecretString: 'hf_...' }),
  );
  const missing = `arn:aws:secretsmanager:${REGION}:000000000000:secret:gone-AbCdEf`;

  const found = await look({ ...GPU, secrets: { 'hf-team': ARN, 'hf-old': missing } });

  expect(found['secrets']).toEqual([
    { verdict: 'good', sentence: "secret 'hf-team' is there" },
    expect.objectContaining({ verdict: 'bad', sentence: `secret 'hf-old' is not there: ${missing}` }),
  ]);
});
