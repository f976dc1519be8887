/** List prices of us-east-1 in dollars, as of November 2026; each with its page. Free tiers are left out. */
export const PRICES = {
  /** aws.amazon.com/step-functions/pricing: Standard, per state transition */
  transition: 25e-6,
  /** aws.amazon.com/s3/pricing: Standard, PUT COPY POST LIST, and GET with all others; DELETE is free */
  s3Put: 5e-6,
  s3Get: 0.4e-6,
  /** aws.amazon.com/dynamodb/pricing/on-demand: per request unit */
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  /** aws.amazon.com/lambda/pricing: per request, and per GB-second on arm64 */
  lambdaRequest: 0.2e-6,
  lambdaGigabyteSecond: 13.3334e-6,
  /** aws.amazon.com/sqs/pricing: standard queues, per request */
  sqsRequest: 0.4e-6,
  /** aws.amazon.com/eventbridge/pricing: custom events, per event of at most 64 KB */
  busEvent: 1e-6,
  /** aws.amazon.com/api-gateway/pricing: HTTP APIs */
  httpRequest: 1e-6,
} as const;

/** What cannot be counted: how long a function is billed. Assumed per call that it makes, one after the other, and for itself. */
export const ASSUMED = { functionMegabytes: 512, millisPerCall: 10, millisPerInvocation: 10 } as const;

/** A message of the queue is sent, received and deleted; batches of more than one message only make it cheaper. */
export const REQUESTS_PER_MESSAGE = 3;

const S3_PUTS: ReadonlySet<string> = new Set(['PutObject', 'CopyObject', 'PostObject', 'ListObjectsV2']);
const S3_FREE: ReadonlySet<string> = new Set(['DeleteObject', 'DeleteObjects']);
export const priceOfS3 = (operation: string): number => (S3_FREE.has(operation) ? 0 : S3_PUTS.has(operation) ? PRICES.s3Put : PRICES.s3Get);
