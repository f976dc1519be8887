/**
 * The HTTP APIs: one function for each surface, the routes of its table, and `$default` for what no route takes, so that every answer is
 * ours. Who may ask is decided in the functions, by the same chain as on one machine; CORS too.
 */
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { HttpApi, HttpMethod, HttpRoute, HttpRouteKey, HttpStage } from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

/** Of the whole API: above it the gateway answers 429 by itself, before a function is paid for. */
const REQUESTS_A_SECOND = 500;
const REQUESTS_AT_ONCE = 1_000;

/** What is known of a request, its query string never: links and sockets carry secrets there. */
const ACCESS_LOG = {
  requestId: '$context.requestId',
  at: '$context.requestTimeEpoch',
  route: '$context.routeKey',
  method: '$context.httpMethod',
  path: '$context.path',
  status: '$context.status',
  bytes: '$context.responseLength',
  milliseconds: '$context.responseLatency',
  ip: '$context.identity.sourceIp',
  error: '$context.integrationErrorMessage',
};

export class PlaneHttpApi extends Construct {
  readonly api: HttpApi;
  readonly stage: HttpStage;

  constructor(scope: Construct, id: string, { logDays }: { readonly logDays: RetentionDays }) {
    super(scope, id);
    this.api = new HttpApi(this, 'Api', { createDefaultStage: false, description: `Tuneplane: the APIs of ${Stack.of(this).stackName}` });
    const logs = new LogGroup(this, 'AccessLogs', { retention: logDays, removalPolicy: RemovalPolicy.DESTROY });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.api,
      stageName: '$default',
      autoDeploy: true,
      throttle: { rateLimit: REQUESTS_A_SECOND, burstLimit: REQUESTS_AT_ONCE },
      accessLogSettings: {
        destination: { bind: () => ({ destinationArn: logs.logGroupArn }) },
        format: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
      detailedMetricsEnabled: false,
    });
  }

  /** `api-id.execute-api.region.amazonaws.com` */
  get domain(): string {
    const { region, urlSuffix } = Stack.of(this);
    return `${this.api.apiId}.execute-api.${region}.${urlSuffix}`;
  }

  /** @param routeKeys `GET /runs/{id}`; `$default` */
  route(id: string, routeKeys: readonly string[], handler: IFunction): void {
    const integration = new HttpLambdaIntegration(id, handler, { scopePermissionToRoute: false, timeout: Duration.seconds(29) });
    for (const key of routeKeys) {
      const route = new HttpRoute(this, key === '$default' ? 'Default' : `${id} ${key}`, {
        httpApi: this.api,
        integration,
        routeKey: toRouteKey(key),
      });
      Validations.of(route).acknowledge({
        id: 'AwsSolutions-APIG4',
        reason: 'the token is checked in the function, by the chain that both homes share, so that a refusal is in the words of the API',
      });
    }
  }
}

function toRouteKey(key: string): HttpRouteKey {
  if (key === '$default') return HttpRouteKey.DEFAULT;
  const [method = '', path = ''] = key.split(' ');
  return HttpRouteKey.with(path, HttpMethod[method as keyof typeof HttpMethod]);
}
