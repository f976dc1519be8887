/** The plane itself, without what must outlive it: made of parts, wired here and nowhere else. */
import { Fn, Stack, type StackProps } from 'aws-cdk-lib';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { routeKeys } from '#http/route-table.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';
import { createPlatformSurface } from '#surfaces/platform/surface.ts';
import { PlaneAlarms } from './alarms.ts';
import { createDashboard } from './dashboard.ts';
import { FrontDoor } from './front-door.ts';
import { PlaneHttpApi } from './http-api.ts';
import { connectNudgeSources } from './nudge-sources.ts';
import { watch } from './plane-alarms.ts';
import { type ApiEntry, PlaneFunctions } from './plane-functions.ts';
import { createPlaneWorld } from './plane-world.ts';
import { RunEventBus } from './run-event-bus.ts';
import { createRunWorkflow } from './run-workflow.ts';
import type { StageSettings } from './settings/stage-settings.ts';
import { PlaneSocketApi } from './socket-api.ts';
import { tell } from './stack-outputs.ts';
import type { StateStack } from './state-stack.ts';
import { SweeperSchedule } from './sweeper-schedule.ts';
import { TrainingCompute } from './training-compute.ts';
import { WebDashboard } from './web-dashboard.ts';

export interface ServiceStackProps extends StackProps {
  readonly settings: StageSettings;
  readonly state: StateStack;
  /** the bundles of all functions */
  readonly code: Code;
  /** absolute: the dashboard as it was built */
  readonly dashboardFolder: string;
}

export class ServiceStack extends Stack {
  readonly functions: PlaneFunctions;
  readonly compute: TrainingCompute;
  readonly alarms: PlaneAlarms;
  readonly #zones: number;

  constructor(scope: Construct, id: string, { settings, state, code, dashboardFolder, ...props }: ServiceStackProps) {
    super(scope, id, props);
    this.#zones = settings.availabilityZones;
    const logDays: RetentionDays = settings.logDays;
    const { nudges } = state;

    this.compute = new TrainingCompute(this, 'Compute', settings);
    const events = new RunEventBus(this, 'Events', { subscribers: settings.subscribers });
    const http = new PlaneHttpApi(this, 'Http', { logDays });
    const sockets = new PlaneSocketApi(this, 'Sockets');
    const dashboard = new WebDashboard(this, 'WebDashboard', { folder: dashboardFolder });
    const door = new FrontDoor(this, 'FrontDoor', {
      httpDomain: http.domain,
      socketDomain: sockets.domain,
      files: dashboard.bucket,
      uploadOrigin: `https://${state.bucket.bucketRegionalDomainName}`,
    });
    const world = createPlaneWorld(this, {
      settings,
      state,
      compute: this.compute,
      bus: events.bus,
      sockets,
      url: door.url,
      dashboardFiles: dashboard.bucket,
    });
    this.functions = new PlaneFunctions(this, 'Functions', { code: { code, logDays }, world });
    dashboard.placeOnDeploy(this.functions.webDashboard.lambda);
    if (this.functions.trainerBuild) this.compute.image?.buildOnDeploy(this.functions.trainerBuild.lambda);
    const workflow = createRunWorkflow(this, this.functions.advanceRun.lambda);
    const sweeper = new SweeperSchedule(this, 'Sweeper', this.functions.sweeper.lambda);
    connectNudgeSources(this, { nudges, classes: this.compute.classes, workflow });
    this.#route(http);
    sockets.handle(this.functions.websocket.lambda);

    this.alarms = new PlaneAlarms(this, 'Alarms', {
      email: settings.alertEmail,
      runbook: settings.runbook,
      rules: watch({
        nudges,
        streamDeadLetters: this.functions.streamDeadLetters,
        sweeperDeadLetters: sweeper.deadLetters,
        subscriberDeadLetters: events.deadLetters,
        httpApiId: http.api.apiId,
        stateMachineArn: workflow.stateMachineArn,
        functionNames: {
          advanceRun: this.functions.advanceRun.lambda.functionName,
          stream: this.functions.stream.lambda.functionName,
          sweeper: this.functions.sweeper.lambda.functionName,
          websocket: this.functions.websocket.lambda.functionName,
        },
        imageProject: this.compute.image?.project.projectName ?? null,
      }),
    });
    createDashboard(this, {
      alarms: this.alarms.alarms,
      httpApiId: http.api.apiId,
      stateMachineArn: workflow.stateMachineArn,
      tableName: state.table.tableName,
      nudgeQueueName: nudges.queue.queueName,
      busName: events.bus.eventBusName,
      functionNames: Object.fromEntries(this.functions.all().map(({ entry, lambda }) => [entry, lambda.functionName])),
    });
    tell(this, {
      Url: door.url,
      HttpApiId: http.api.apiId,
      SocketApiId: sockets.api.apiId,
      EventBus: events.bus.eventBusArn,
      StateMachine: workflow.stateMachineArn,
      StreamDeadLetters: this.functions.streamDeadLetters.queueUrl,
      SweeperDeadLetters: sweeper.deadLetters.queueUrl,
      ...(events.deadLetters && { SubscriberDeadLetters: events.deadLetters.queueUrl }),
      SweeperFunction: this.functions.sweeper.lambda.functionName,
      ...(this.compute.image && {
        ImageRepository: this.compute.image.repository.repositoryName,
        ImageTag: this.compute.image.tag,
        ImageProject: this.compute.image.project.projectName,
      }),
    });
  }

  /** So many of the region's zones, by their place: which they are, AWS says when it is deployed, and no account is asked beforehand. */
  override get availabilityZones(): string[] {
    return Array.from({ length: this.#zones }, (_, index) => Fn.select(index, Fn.getAzs()));
  }

  #route(http: PlaneHttpApi): void {
    const { apis, unrouted } = this.functions;
    const platform = createPlatformSurface(async () => [], { tokens: [], allowedOrigins: [] });
    for (const { name, routes } of [platform, ...API_SURFACES]) http.route(name, routes.flatMap(routeKeys), apis[name as ApiEntry].lambda);
    http.route('default', ['$default'], unrouted.lambda);
  }
}
