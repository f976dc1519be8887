/**
 * Runs at the edge, for requests of `/ws/training/jobs/*`: a WebSocket API has no paths, so the job's id becomes a parameter.
 *
 *   /ws/training/jobs/run_01...?after=3   ->   /live?after=3&job_id=run_01...
 *
 * A `job_id` of the caller's own is replaced. What is left of the path is the id as it stands, and the function behind says whether there is
 * such a run. CloudFront Functions, runtime cloudfront-js-2.0: no modules, and `handler` is found by its name.
 * Source: docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-event-structure.html
 */
// biome-ignore lint/correctness/noUnusedVariables: CloudFront calls it
function handler(event) {
  var request = event.request;
  request.querystring.job_id = { value: request.uri.replace(/^\/ws\/training\/jobs\//, '') };
  request.uri = '/live';
  return request;
}
