/** What an account and a region must have before a stage can be deployed there. */
import {
  DescribeAvailabilityZonesCommand,
  DescribeInstanceTypeOfferingsCommand,
  EC2Client,
  type _InstanceType as InstanceType,
} from '@aws-sdk/client-ec2';
import { GetRoleCommand, IAMClient, NoSuchEntityException } from '@aws-sdk/client-iam';
import { DescribeSecretCommand, ResourceNotFoundException, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetParameterCommand, ParameterNotFound, SSMClient } from '@aws-sdk/client-ssm';
import { machineOf } from '../../../lib/settings/compute-settings.ts';
import type { StageContext } from '../stage-context.ts';
import { bad, type Check, type Finding, good, poor } from './finding.ts';

/** Of the templates that this version of the library makes; `cdk bootstrap` of 2023 and later has it. */
const LEAST_BOOTSTRAP = 6;

export function accountChecks(context: StageContext): Check[] {
  const { settings } = context;
  const { keys = {}, registrySecret } = settings.rentals ?? {};
  const secrets = Object.entries({ ...settings.secrets, ...keys, ...(registrySecret !== undefined && { registry: registrySecret }) });
  return [
    { name: 'bootstrap', look: () => checkBootstrap(context) },
    { name: 'zones', look: () => checkZones(settings.availabilityZones) },
    { name: 'machines', look: () => Promise.all(settings.compute.map(checkOffered)) },
    { name: 'quotas', look: () => Promise.all(settings.compute.map(checkQuota)) },
    ...(settings.compute.some(({ spot }) => spot) ? [{ name: 'spot', look: checkSpotRole }] : []),
    ...(secrets.length > 0 ? [{ name: 'secrets', look: () => Promise.all(secrets.map(checkSecret)) }] : []),
  ];
}

async function checkBootstrap({ stage }: StageContext): Promise<Finding> {
  const command = `npm run bootstrap -- ${stage}`;
  try {
    const { Parameter } = await new SSMClient({}).send(new GetParameterCommand({ Name: '/cdk-bootstrap/hnb659fds/version' }));
    const version = Number(Parameter?.Value);
    return version >= LEAST_BOOTSTRAP
      ? good(`the CDK's bootstrap is there (version ${version})`)
      : bad(`the CDK's bootstrap has version ${version}, ${LEAST_BOOTSTRAP} is needed`, command);
  } catch (error) {
    if (error instanceof ParameterNotFound) return bad('the CDK has no bootstrap in this account and region', command);
    throw error;
  }
}

async function checkZones(wanted: number): Promise<Finding> {
  const { AvailabilityZones = [] } = await new EC2Client({}).send(new DescribeAvailabilityZonesCommand({}));
  const zones = AvailabilityZones.filter(
    ({ State, ZoneType }) => State === 'available' && (ZoneType ?? 'availability-zone') === 'availability-zone',
  );
  return zones.length >= wanted
    ? good(`${zones.length} availability zones, ${wanted} are used`)
    : bad(`${wanted} availability zones are asked for, and there are ${zones.length}`, `set 'availabilityZones: ${zones.length}'`);
}

type ClassSettings = StageContext['settings']['compute'][number];

async function checkOffered({ name, instanceTypes }: ClassSettings): Promise<Finding> {
  const { InstanceTypeOfferings = [] } = await new EC2Client({}).send(
    new DescribeInstanceTypeOfferingsCommand({ LocationType: 'region', Filters: [{ Name: 'instance-type', Values: [...instanceTypes] }] }),
  );
  const offered = new Set(InstanceTypeOfferings.map(({ InstanceType: type }) => type));
  const missing = instanceTypes.filter((type) => !offered.has(type as InstanceType));
  return missing.length === 0
    ? good(`class ${name}: this region offers ${instanceTypes.join(', ')}`)
    : bad(`class ${name}: this region does not offer ${missing.join(', ')}`, 'take another instance type, or another region');
}

async function checkQuota(settings: ClassSettings): Promise<Finding> {
  const { name, nodes, maxVcpus } = settings;
  const { quotaCode, vcpus } = machineOf(settings);
  if (quotaCode === null) return poor(`class ${name}: it is not known which quota counts its machines`, 'look in Service Quotas, EC2');
  const { Quota } = await new ServiceQuotasClient({}).send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: quotaCode }));
  const allowed = Quota?.Value ?? 0;
  const ask = `ask for ${Math.max(maxVcpus, vcpus * nodes)} at Service Quotas, EC2, ${quotaCode} (${Quota?.QuotaName ?? 'vCPUs of this family'}); new accounts have 0 for GPUs`;
  if (allowed < vcpus * nodes)
    return poor(
      `class ${name}: the account may run ${allowed} vCPUs of this family, one run needs ${vcpus * nodes}: its runs will wait`,
      ask,
    );
  if (allowed < maxVcpus)
    return poor(`class ${name}: the account may run ${allowed} vCPUs of this family, and the class up to ${maxVcpus}`, ask);
  return good(`class ${name}: the account may run ${allowed} vCPUs of this family`);
}

async function checkSpotRole(): Promise<Finding> {
  try {
    await new IAMClient({}).send(new GetRoleCommand({ RoleName: 'AWSServiceRoleForEC2Spot' }));
    return good('the account has used spot machines before');
  } catch (error) {
    if (!(error instanceof NoSuchEntityException)) throw error;
    return bad('the account has never used spot machines', 'aws iam create-service-linked-role --aws-service-name spot.amazonaws.com');
  }
}

async function checkSecret([name, arn]: readonly [string, string]): Promise<Finding> {
  try {
    await new SecretsManagerClient({}).send(new DescribeSecretCommand({ SecretId: arn }));
    return good(`secret '${name}' is there`);
  } catch (error) {
    if (!(error instanceof ResourceNotFoundException)) throw error;
    return bad(`secret '${name}' is not there: ${arn}`, 'make it, or take its name out of the settings');
  }
}
