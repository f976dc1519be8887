/** What every stage is made of, whatever its settings. */
import { beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { routeKeys } from '#http/route-table.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { fixedPrices, type Template } from '../../lib/fixed-prices.ts';
import { API_ENTRIES } from '../../lib/plane-functions.ts';
import { ROOM_BYTES, toldBytes } from '../../lib/settings/stage-settings.ts';
import { SynthesizedStage, textOf } from './synthesized-stage.ts';

const behaviorSchema = z.looseObject({
  PathPattern: z.string().optional(),
  TargetOriginId: z.string(),
  ViewerProtocolPolicy: z.string(),
  FunctionAssociations: z.array(z.unknown()).default([]),
});
const distributionSchema = z.looseObject({
  CacheBehaviors: z.array(behaviorSchema),
  DefaultCacheBehavior: behaviorSchema,
  Origins: z.array(z.looseObject({ Id: z.string() })),
});

let stage: SynthesizedStage;
beforeAll(() => {
  stage = new SynthesizedStage();
});

test('the HTTP API has the routes of every surface, and $default for what no route takes', () => {
  const surfaces = [createPlatformSurface([], { tokens: [], allowedOrigins: [] }), ...API_SURFACES];
  const keys = stage.properties('AWS::ApiGatewayV2::Route').map(({ RouteKey }) => RouteKey);

  expect(keys.sort()).toEqual(
    [...surfaces.flatMap(({ routes }) => routes.flatMap(routeKeys)), '$default', '$default', '$connect', '$disconnect'].sort(),
  );
});

test('a stack is small enough for CloudFormation to grow: at most 350 resources and 600 KB', () => {
  for (const template of [stage.state, stage.service]) {
    const json = template.toJSON();
    expect(Object.keys(json['Resources']).length).toBeLessThanOrEqual(350);
    expect(JSON.stringify(json).length).toBeLessThanOrEqual(600_000);
  }
});

test('a function runs on the newest Node, and its log ends', () => {
  for (const { Runtime, Architectures } of stage.properties('AWS::Lambda::Function'))
    expect([Runtime, Architectures]).toEqual(['nodejs24.x', ['arm64']]);
  for (const { RetentionInDays } of stage.properties('AWS::Logs::LogGroup')) expect(RetentionInDays).toBe(30);
});

test('what settings may say fits into what a function can be told; what would not is refused', () => {
  const compute = (count: number) =>
    Array.from({ length: count }, (_, index) => ({
      name: `class-with-a-long-name-${index}`,
      instanceTypes: ['g5.xlarge'],
      spot: true,
      maxVcpus: 40,
    }));
  const filled = { compute: compute(7), allowedOrigins: [`https://${'a'.repeat(160)}`] };
  const full = new SynthesizedStage(filled, 'stage-of-20-letters');
  const sizes = full.properties('AWS::Lambda::Function').map(({ Environment }) => sizeOf(Environment));

  expect(toldBytes(full.settings)).toBeGreaterThan(0.95 * ROOM_BYTES);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(4_096);
  expect(() => new SynthesizedStage({ compute: compute(8) })).toThrow(/compute: take too much room: .* 2596 bytes/);
});

test('what is stored is encrypted, spoken to over TLS alone, and nobody outside is let in', () => {
  const buckets = stage.properties('AWS::S3::Bucket');
  expect(buckets.length).toBe(2);
  for (const bucket of buckets)
    expect(bucket).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: expect.anything(),
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
    });
  expect(buckets[0]).toMatchObject({ VersioningConfiguration: { Status: 'Enabled' } });
  for (const policy of [...stage.properties('AWS::S3::BucketPolicy'), ...stage.properties('AWS::SQS::QueuePolicy')])
    expect(textOf(policy)).toContain('"Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny"');
  for (const { SqsManagedSseEnabled } of stage.properties('AWS::SQS::Queue')) expect(SqsManagedSseEnabled).toBe(true);
});

test('the table comes back to any second of the last weeks, tells of its changes, and forgets what has expired', () => {
  expect(stage.properties('AWS::DynamoDB::Table')).toEqual([
    expect.objectContaining({
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
      TimeToLiveSpecification: { AttributeName: 'expiresAtSeconds', Enabled: true },
      BillingMode: 'PAY_PER_REQUEST',
    }),
  ]);
});

test('a bucket rings the queue for reports and manifests, and for nothing else', () => {
  const [{ NotificationConfiguration } = {}] = stage.properties('AWS::S3::Bucket');

  expect(textOf(NotificationConfiguration).match(/"Value":"[^"]*"/g)).toEqual(['"Value":"/progress.json"', '"Value":"/manifest.json"']);
});

test('who answers callers is told of the issuer whose tokens are taken; without one it is told that there is none', () => {
  const oidc = { issuer: 'https://login.example.com/', audience: 'tuneplane' };
  const issuersTold = (of: SynthesizedStage): unknown[] =>
    of
      .properties('AWS::Lambda::Function')
      .map(({ Environment }) => z.looseObject({ Variables: z.looseObject({}).default({}) }).parse(Environment ?? {}).Variables)
      .filter((variables) => 'TUNEPLANE_TOKEN_SECRET_ARN' in variables)
      .map((variables) => [variables['TUNEPLANE_OIDC_ISSUER'], variables['TUNEPLANE_OIDC_AUDIENCE']]);
  const callees = API_ENTRIES.length + 1; // and the WebSocket's

  expect(issuersTold(stage)).toEqual(Array.from({ length: callees }, () => ['', '']));
  expect(issuersTold(new SynthesizedStage({ oidc }))).toEqual(Array.from({ length: callees }, () => [oidc.issuer, oidc.audience]));
});

test('the front door leads to three places: the dashboard in its bucket, sockets, and the APIs', () => {
  const [{ DistributionConfig } = {}] = stage.properties('AWS::CloudFront::Distribution');
  const { CacheBehaviors, DefaultCacheBehavior, Origins } = distributionSchema.parse(DistributionConfig);
  const kindOf = ({ TargetOriginId }: { TargetOriginId: string }): string => {
    const origin = textOf(Origins.find(({ Id }) => Id === TargetOriginId));
    return origin.includes('WebDashboardFiles') ? 'files' : origin.includes('Sockets') ? 'sockets' : 'apis';
  };

  expect(CacheBehaviors.map((one) => [one.PathPattern, kindOf(one), one.FunctionAssociations.length])).toEqual([
    ['/', 'files', 1],
    ['/assets/*', 'files', 0],
    ['/docs/assets/*', 'apis', 0],
    ['/ws/training/jobs/*', 'sockets', 1],
  ]);
  expect(kindOf(DefaultCacheBehavior)).toBe('apis');
  expect([...CacheBehaviors, DefaultCacheBehavior].map(({ ViewerProtocolPolicy }) => ViewerProtocolPolicy)).toEqual(
    Array.from({ length: 5 }, () => 'https-only'),
  );
});

test('the page of the dashboard may speak to the plane and to the bucket that large data sets go into, and CloudFront alone reads its files', () => {
  const headers = textOf(stage.properties('AWS::CloudFront::ResponseHeadersPolicy'));
  const [policy] = Object.entries(stage.resources('AWS::S3::BucketPolicy')).filter(([id]) => id.startsWith('WebDashboardFiles'));
  const [artifacts] = stage.properties('AWS::S3::Bucket');

  expect(headers).toMatch(/default-src 'none'; .*connect-src 'self' https:\/\/.*Artifacts.*RegionalDomainName.*frame-ancestors 'none'/);
  expect(textOf(policy)).toMatch(
    /"Action":"s3:GetObject","Condition":\{"StringEquals":\{"AWS:SourceArn".*"Service":"cloudfront.amazonaws.com"/,
  );
  expect(artifacts?.['CorsConfiguration']).toMatchObject({ CorsRules: [{ AllowedMethods: ['PUT'], AllowedOrigins: ['*'] }] });
});

test('access logs have the path and never the query string, where links and sockets carry their secrets', () => {
  const [{ AccessLogSettings } = {}] = stage.properties('AWS::ApiGatewayV2::Stage').filter(({ StageName }) => StageName === '$default');
  const { Format } = z.object({ Format: z.string() }).parse(AccessLogSettings);

  expect(Object.values(JSON.parse(Format))).toContain('$context.path');
  expect(Format).not.toMatch(/query|\$context\.(?:requestOverride|identity\.(?!sourceIp))|authorization/i);
});

test('whatever is delivered has its retries written out, and a queue for what was not taken', () => {
  for (const { Targets } of stage.properties('AWS::Events::Rule'))
    for (const target of z.array(z.looseObject({})).parse(Targets))
      expect(target).toMatchObject({
        RetryPolicy: { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 },
        DeadLetterConfig: expect.anything(),
      });
  for (const { Target } of stage.properties('AWS::Scheduler::Schedule'))
    expect(Target).toMatchObject({ RetryPolicy: { MaximumRetryAttempts: 0 }, DeadLetterConfig: expect.anything() });
  const [stream] = stage.properties('AWS::Lambda::EventSourceMapping').filter(({ StartingPosition }) => StartingPosition !== undefined);
  expect(stream).toMatchObject({
    MaximumRetryAttempts: 10,
    BisectBatchOnFunctionError: true,
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    DestinationConfig: { OnFailure: expect.anything() },
  });
});

test('every queue of dead letters has an alarm', () => {
  const subscribed = new SynthesizedStage({ subscribers: ['210987654321'] });
  const watched = textOf(
    subscribed.properties('AWS::CloudWatch::Alarm').filter(({ MetricName }) => MetricName === 'ApproximateNumberOfMessagesVisible'),
  );
  const queues = Object.keys(subscribed.resources('AWS::SQS::Queue')).filter((id) => id.includes('DeadLetters'));

  expect(queues.length).toBe(4);
  for (const id of queues) expect(watched, id).toContain(id);
});

test('a subscriber of another account gets every event on its own bus', () => {
  const subscribed = new SynthesizedStage({ subscribers: ['210987654321'] });
  const rules = subscribed.properties('AWS::Events::Rule').filter(({ EventPattern }) => textOf(EventPattern).includes('tuneplane'));

  expect(rules).toEqual([
    expect.objectContaining({
      Targets: [expect.objectContaining({ Arn: 'arn:aws:events:us-east-1:210987654321:event-bus/default', RoleArn: expect.anything() })],
    }),
  ]);
});

test('an idle stage costs at most 5 USD a month, and every resource with a fixed price is counted', () => {
  const prices = fixedPrices([stage.state.toJSON() as Template, stage.service.toJSON() as Template]);

  expect(prices.map(({ type, count }) => `${count} x ${type}`)).toEqual([
    '1 x AWS::CloudWatch::Dashboard',
    '11 x AWS::CloudWatch::Alarm',
    '2 x AWS::SecretsManager::Secret',
  ]);
  expect(prices.reduce((sum, { usdAMonth }) => sum + usdAMonth, 0)).toBeLessThanOrEqual(5);
});

test('a gateway is paid by the hour, and the sum says so', () => {
  const nat = new SynthesizedStage({ network: 'nat' });
  const prices = fixedPrices([nat.state.toJSON() as Template, nat.service.toJSON() as Template]);

  expect(prices.slice(0, 2).map(({ type, count }) => `${count} x ${type}`)).toEqual(['1 x AWS::EC2::NatGateway', '1 x AWS::EC2::EIP']);
});

test('a resource whose price nobody has looked up is refused', () => {
  const unknown = { Resources: { Cluster: { Type: 'AWS::EKS::Cluster' } } };

  expect(() => fixedPrices([unknown])).toThrow(/nobody has looked up what a resource of type AWS::EKS::Cluster costs/);
});

/**
 * Names and values of variables, in bytes, with what CloudFormation fills in at its longest: 64 for a name, 150 for an ARN or a URL.
 * docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-sample-templates.html, physical ids
 */
function sizeOf(environment: unknown): number {
  const variables = z.looseObject({ Variables: z.record(z.string(), z.unknown()).default({}) }).parse(environment ?? {}).Variables;
  return Object.entries(variables).reduce((sum, [name, value]) => sum + name.length + lengthOf(value), 0);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  const joined = z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.unknown())]) }).safeParse(value);
  if (joined.success) return joined.data['Fn::Join'][1].reduce((sum: number, part) => sum + lengthOf(part), 0);
  return /Arn|QueueUrl|Ref(Key|Token)|ImportValue":"[^"]*Ref(Key|Token|Nudges)/.test(textOf(value)) ? 150 : 64;
}
