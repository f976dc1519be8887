/** What this project says to each rule of NIST 800-53 that it does not meet. A rule that is newly broken has no answer, and `npm run generate` fails. */
const NO_SERVERS =
  'functions reach AWS over its own network and hold no connection to anything else; in a network of ours they would need endpoints by the hour';
const OWN_KEYS = "encrypted with AWS's own keys; a key of one's own is 1 USD a month, and guards against nobody whom IAM lets in";

export const NIST_ANSWERS: Readonly<Record<string, string>> = {
  CloudWatchAlarmAction: 'alarms tell whom the settings name (`alertEmail`)',
  CloudWatchLogGroupEncrypted: OWN_KEYS,
  DynamoDBInBackupPlan: 'the table can be taken back to any second of the last 35 days',
  IAMNoInlinePolicy: 'each role has the policy that is written for it, and shares it with nobody',
  LambdaConcurrency:
    'a new account may run ten functions at once, of which none can be reserved; the API is throttled, and queues bound their consumers',
  LambdaDLQ: 'what calls and waits knows of a failure; what does not wait has a queue of dead letters',
  LambdaInsideVPC: NO_SERVERS,
  S3BucketLoggingEnabled: 'server access logs keep the signatures of links; CloudTrail data events tell the same without them',
  S3BucketReplicationEnabled: 'a second region is a decision of the operator, who replicates the bucket where it is needed',
  S3BucketVersioningEnabled: "the dashboard's files are put again by every deployment; the bucket of runs has versions",
  S3DefaultEncryptionKMS: OWN_KEYS,
  SecretsManagerRotationEnabled:
    'the token is rotated by one command when its holders are ready; what was sealed under the key can be read only with it',
  SecretsManagerUsingKMSKey: OWN_KEYS,
  VPCDefaultSecurityGroupClosed: 'nothing is in the default group; to close it takes a function with rights on every security group',
  VPCFlowLogsEnabled: 'paid by the GB, where machines move base models and checkpoints; nobody is let in',
  VPCNoUnrestrictedRouteToIGW:
    'machines fetch images, base models and data from the internet; with `network: nat` they do it from private addresses',
  VPCSubnetAutoAssignPublicIpDisabled:
    'with `network: public` a machine has an address while a run trains, and lets nobody in; `network: nat` gives it none',
};
