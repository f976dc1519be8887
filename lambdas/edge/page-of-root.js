/**
 * Runs at the edge, for requests of `/`: in a bucket the page has a name. Where one is in the dashboard stands behind the `#`, which no
 * server sees. CloudFront Functions, runtime cloudfront-js-2.0: no modules, and `handler` is found by its name.
 * Source: docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
 */
// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls it
function handler(event) {
  event.request.uri = '/index.html';
  return event.request;
}
