/**
 * CloudFront before everything, so that a plane is one address:
 *
 *   /  /assets/*            the dashboard, out of its bucket
 *   /ws/training/jobs/*     the WebSocket API, by the function that makes a parameter of the path
 *   all else                the HTTP API
 *
 * Answers are never kept here, but for files whose own headers say so.
 */
import { join } from 'node:path';
import { Duration, Validations } from 'aws-cdk-lib';
import {
  AllowedMethods,
  CachePolicy,
  Distribution,
  Function as EdgeFunction,
  type FunctionAssociation,
  FunctionCode,
  FunctionEventType,
  FunctionRuntime,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  HttpVersion,
  OriginProtocolPolicy,
  OriginRequestPolicy,
  OriginSslPolicy,
  PriceClass,
  ResponseHeadersPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { HttpOrigin, S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import type { Bucket, IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { dashboardPolicy } from '#http/dashboard-files.ts';

const EDGE_FUNCTIONS = join(import.meta.dirname, '..', 'lambdas', 'edge');
/** A year, for this name alone: it is CloudFront's. */
const HTTPS_ONLY = { accessControlMaxAge: Duration.days(365), includeSubdomains: false, override: true };

export interface FrontDoorProps {
  readonly httpDomain: string;
  readonly socketDomain: string;
  /** of the dashboard */
  readonly files: Bucket;
  /** where the dashboard puts large data sets: `https://bucket.s3.eu-west-1.amazonaws.com` */
  readonly uploadOrigin: string;
}

export class FrontDoor extends Construct {
  readonly distribution: Distribution;

  constructor(scope: Construct, id: string, { httpDomain, socketDomain, files, uploadOrigin }: FrontDoorProps) {
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
    const kept = { cachePolicy: CachePolicy.CACHING_OPTIMIZED, compress: true };
    const page = {
      origin: S3BucketOrigin.withOriginAccessControl(files as IBucket),
      viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
      allowedMethods: AllowedMethods.ALLOW_GET_HEAD,
      ...kept,
    };
    this.distribution = new Distribution(this, 'Distribution', {
      comment: 'Tuneplane',
      httpVersion: HttpVersion.HTTP2_AND_3,
      priceClass: PriceClass.PRICE_CLASS_100,
      defaultBehavior: { origin: apis, ...shared },
      additionalBehaviors: {
        '/': {
          ...page,
          responseHeadersPolicy: this.#pageHeaders(uploadOrigin),
          functionAssociations: [this.#atTheEdge('PageOfRoot', 'page-of-root.js', 'in a bucket the page has a name')],
        },
        '/assets/*': { ...page, responseHeadersPolicy: ResponseHeadersPolicy.SECURITY_HEADERS },
        // Files of /docs and /redoc: their names have hashes too.
        '/docs/assets/*': { origin: apis, ...shared, ...kept },
        '/ws/training/jobs/*': {
          origin: new HttpOrigin(socketDomain, secure),
          ...shared,
          functionAssociations: [this.#atTheEdge('RewriteSocketPath', 'rewrite-socket-path.js', 'the path of a job becomes a parameter')],
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
  #atTheEdge(id: string, file: string, comment: string): FunctionAssociation {
    const code = FunctionCode.fromFile({ filePath: join(EDGE_FUNCTIONS, file) });
    const edge = new EdgeFunction(this, id, { code, runtime: FunctionRuntime.JS_2_0, comment });
    return { function: edge, eventType: FunctionEventType.VIEWER_REQUEST };
  }

  /** What lambdas/http/dashboard-files.ts says of the page on one machine, and the bucket that large data sets go into. */
  #pageHeaders(uploadOrigin: string): ResponseHeadersPolicy {
    return new ResponseHeadersPolicy(this, 'PageHeaders', {
      comment: 'The page of the dashboard',
      securityHeadersBehavior: {
        contentSecurityPolicy: { contentSecurityPolicy: dashboardPolicy([uploadOrigin]), override: true },
        contentTypeOptions: { override: true },
        frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
        referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
        strictTransportSecurity: HTTPS_ONLY,
      },
      customHeadersBehavior: { customHeaders: [{ header: 'cross-origin-opener-policy', value: 'same-origin', override: true }] },
    });
  }
}
