/**
 * A function of the plane, as every one of them is: the newest Node on arm64, a role and a log of its own, an environment whose type is
 * what the code reads. A function may do nothing but write its log until it is granted something.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type Code, Function as LambdaFunction, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { EnvironmentKind, EnvironmentOf } from '#aws/environment.ts';

/** What all functions share. */
export interface PlaneCode {
  /** the bundles of all entries: one asset, uploaded once */
  readonly code: Code;
  readonly logDays: RetentionDays;
}

export interface PlaneFunctionProps<Kind extends EnvironmentKind> extends PlaneCode {
  /** of the bundle: `sft` is lambdas/aws/entries/sft.lambda.ts */
  readonly entry: string;
  readonly description: string;
  readonly environment: EnvironmentOf<Kind>;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
}

export class PlaneFunction<Kind extends EnvironmentKind> extends Construct {
  readonly entry: string;
  readonly lambda: LambdaFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: PlaneFunctionProps<Kind>) {
    super(scope, id);
    this.entry = props.entry;
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const logGroup = new LogGroup(this, 'Logs', { retention: props.logDays, removalPolicy: RemovalPolicy.DESTROY });
    logGroup.grantWrite(this.role);
    this.lambda = new LambdaFunction(this, 'Function', {
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: props.code,
      handler: `${props.entry}.handler`,
      role: this.role,
      logGroup,
      loggingFormat: LoggingFormat.TEXT, // the plane writes JSON lines of its own
      environment: { ...props.environment },
      timeout: Duration.seconds(props.timeoutSeconds),
      memorySize: props.memoryMb,
    });
    Validations.of(this.lambda).acknowledge(
      {
        id: 'Serverless-LambdaTracing',
        reason: 'every log line carries the request id or the run id; the tracer would cost 22 ms of each cold start',
      },
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'called by a gateway, a workflow or a queue, which know of a failure; what calls without waiting has a queue of its own for it',
      },
    );
  }
}
