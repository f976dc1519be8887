/**
 * CloudFront before both APIs, so that a plane is one address: everything to the HTTP API, `/ws/training/jobs/*` to the WebSocket API, by
 * the function that makes a parameter of the path. Answers are never kept here, but for files whose own headers say so.
 */
import { join } from 'node:path';
import { Validations } from 'aws-cdk-lib';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  Function as EdgeFunction,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  OriginSslPolicy,
  PriceClass,
  ResponseHeadersPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { Construct } from 'constructs';

const EDGE_FUNCTION = join(import.meta.dirname, '..', 'lambdas', 'edge', 'rewrite-socket-path.js');
/** Files with hashed names, of the pages and of the dashboard. */
const KEPT_PATHS = ['/docs/assets/*', '/assets/*'];

export interface FrontDoorProps {
  readonly httpDomain: string;
  readonly socketDomain: string;
}

export class FrontDoor extends Construct {
  readonly distribution: Distribution;

  constructor(scope: Construct, id: string, { httpDomain, socketDomain }: FrontDoorProps) {
    super(scope, id);
    const secure = { protocolPolicy: OriginProtocolPolicy.HTTPS_ONLY, originSslProtocols: [OriginSslPolicy.TLS_V1_2] };
    const apis = new HttpOrigin(httpDomain, secure);
    const shared = {
      allowedMethods: AllowedMethods.ALLOW_ALL,
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      // All that the caller sent but the host, by which API Gateway would look for another API.
      originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
      cachePolicy: CachePolicy.CACHING_DISABLED,
      responseHeadersPolicy: ResponseHeadersPolicy.SECURITY_HEADERS,
    };
    const rewrite = new EdgeFunction(this, 'RewriteSocketPath', {
      code: FunctionCode.fromFile({ filePath: EDGE_FUNCTION }),
      runtime: FunctionRuntime.JS_2_0,
      comment: 'the path of a job becomes a parameter',
    });
    this.distribution = new Distribution(this, 'Distribution', {
      comment: 'Tuneplane',
      httpVersion: HttpVersion.HTTP2_AND_3,
      priceClass: PriceClass.PRICE_CLASS_100,
      defaultBehavior: { origin: apis, ...shared },
      additionalBehaviors: {
        ...Object.fromEntries(
          KEPT_PATHS.map((path) => [path, { origin: apis, ...shared, cachePolicy: CachePolicy.CACHING_OPTIMIZED, compress: true }]),
        ),
        '/ws/training/jobs/*': {
          origin: new HttpOrigin(socketDomain, secure),
          ...shared,
          functionAssociations: [{ function: rewrite, eventType: FunctionEventType.VIEWER_REQUEST }],
        },
      },
    });
    Validations.of(this.distribution).acknowledge(
      { id: 'AwsSolutions-CFR1', reason: 'a team is where it is: who may ask is decided by a token, not by a country' },
      {
        id: 'AwsSolutions-CFR2',
        reason:
          'a firewall costs 5 USD a month and 1 USD a rule; the APIs take JSON, refuse unknown keys, and want a token before they read a body',
      },
      {
        id: 'AwsSolutions-CFR3',
        reason:
          'standard logs keep query strings, and with them tickets of sockets; the access log of the HTTP API has each request without it',
      },
      {
        id: 'AwsSolutions-CFR4',
        reason:
          "CloudFront's own name comes with CloudFront's own certificate, whose protocol cannot be set; callers are redirected nowhere and speak HTTPS only",
      },
    );
  }

  get url(): string {
    return `https://${this.distribution.domainName}`;
  }
}
