/**
 * What a stage costs while nothing happens: resources with a price by the hour or the month. Everything else is paid by use. A type that is
 * in neither list is one whose price nobody has looked up, and the test fails.
 *
 * List prices in USD, us-east-1, as of PRICES_AS_OF, without the free tier (10 alarms and 3 dashboards of an account are free):
 * aws.amazon.com/{cloudwatch,secrets-manager,vpc,kms}/pricing
 */
const HOURS_A_MONTH = 730;

type Properties = Readonly<Record<string, unknown>>;

const USD_A_MONTH: Readonly<Record<string, (properties: Properties) => number>> = {
  // By metric: an alarm over an expression pays for each that it reads.
  'AWS::CloudWatch::Alarm': ({ Metrics }) => 0.1 * (Array.isArray(Metrics) ? Math.max(1, Metrics.length) : 1),
  'AWS::CloudWatch::Dashboard': () => 3,
  'AWS::SecretsManager::Secret': () => 0.4,
  'AWS::EC2::NatGateway': () => 0.045 * HOURS_A_MONTH,
  'AWS::EC2::EIP': () => 0.005 * HOURS_A_MONTH,
  'AWS::EC2::VPCEndpoint': ({ VpcEndpointType, SubnetIds }) =>
    VpcEndpointType === 'Interface' ? 0.01 * HOURS_A_MONTH * (Array.isArray(SubnetIds) ? SubnetIds.length : 1) : 0,
};

/** Nothing while nothing happens. */
const BY_USE = new Set([
  'AWS::ApiGatewayV2::Api',
  'AWS::ApiGatewayV2::Integration',
  'AWS::ApiGatewayV2::Route',
  'AWS::ApiGatewayV2::Stage',
  'AWS::Batch::ComputeEnvironment', // minvCpus is 0
  'AWS::Batch::JobDefinition',
  'AWS::Batch::JobQueue',
  'AWS::CDK::Metadata',
  'AWS::CloudFront::Distribution',
  'AWS::CloudFront::Function',
  'AWS::CloudFront::OriginAccessControl',
  'AWS::CloudFront::ResponseHeadersPolicy',
  'AWS::CodeBuild::Project',
  'AWS::DynamoDB::Table', // on demand
  'AWS::EC2::InternetGateway',
  'AWS::EC2::LaunchTemplate',
  'AWS::EC2::PlacementGroup',
  'AWS::EC2::Route',
  'AWS::EC2::RouteTable',
  'AWS::EC2::SecurityGroup',
  'AWS::EC2::SecurityGroupEgress',
  'AWS::EC2::SecurityGroupIngress',
  'AWS::EC2::Subnet',
  'AWS::EC2::SubnetRouteTableAssociation',
  'AWS::EC2::VPC',
  'AWS::EC2::VPCGatewayAttachment',
  'AWS::ECR::Repository',
  'AWS::Events::EventBus',
  'AWS::Events::Rule',
  'AWS::IAM::InstanceProfile',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::EventSourceMapping',
  'AWS::Lambda::Function',
  'AWS::Lambda::Permission',
  'AWS::Logs::LogGroup',
  'AWS::S3::Bucket',
  'AWS::S3::BucketPolicy',
  'AWS::Scheduler::Schedule',
  'AWS::SNS::Subscription',
  'AWS::SNS::Topic',
  'AWS::SNS::TopicPolicy',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
  'AWS::StepFunctions::StateMachine',
  'Custom::TrainerBuild',
  'Custom::WebDashboard',
]);

interface Resource {
  readonly Type: string;
  readonly Properties?: Properties | undefined;
}
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

export interface FixedPrice {
  readonly type: string;
  readonly count: number;
  readonly usdAMonth: number;
}

/** @returns resources with a fixed price, by type, the dearest first. @throws Error for a type whose price is not known */
export function fixedPrices(templates: readonly Template[]): FixedPrice[] {
  const sums = new Map<string, { count: number; usdAMonth: number }>();
  for (const { Type, Properties = {} } of templates.flatMap(({ Resources }) => Object.values(Resources))) {
    const price = USD_A_MONTH[Type];
    if (price === undefined) {
      if (!BY_USE.has(Type)) throw new Error(`nobody has looked up what a resource of type ${Type} costs: lib/fixed-prices.ts`);
      continue;
    }
    const usd = price(Properties);
    if (usd === 0) continue;
    const { count, usdAMonth } = sums.get(Type) ?? { count: 0, usdAMonth: 0 };
    sums.set(Type, { count: count + 1, usdAMonth: usdAMonth + usd });
  }
  return [...sums].map(([type, sum]) => ({ type, ...sum })).sort((a, b) => b.usdAMonth - a.usdAMonth);
}
