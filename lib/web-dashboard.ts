/**
 * The dashboard in a bucket of its own, which CloudFront alone may read. It is there while functions are not, and keeps the files of the
 * releases before: a page that is open during a deployment finds what it names. The function that puts them has them in its code.
 */
import { CustomResource, FileSystem, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';

export class WebDashboard extends Construct {
  readonly bucket: Bucket;
  readonly #folder: string;

  /** @param folder absolute: the dashboard as it was built */
  constructor(scope: Construct, id: string, { folder }: { readonly folder: string }) {
    super(scope, id);
    this.#folder = folder;
    this.bucket = new Bucket(this, 'Files', {
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    Validations.of(this.bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'it holds what anybody may read who knows the address: the same files for everyone, and nothing of a run',
    });
  }

  /** Puts the files when a deployment brings others, and takes them away with the stage. */
  placeOnDeploy(placer: IFunction): void {
    new CustomResource(this, 'Place', {
      resourceType: 'Custom::WebDashboard',
      serviceToken: placer.functionArn,
      properties: { bucket: this.bucket.bucketName, version: FileSystem.fingerprint(this.#folder) },
    });
  }
}
