/**
 * The functions of the plane: one for each API, and the workers behind them. Each is told what it needs to know, and granted what it needs
 * to do; `plane-permissions.ts` says in which words.
 */
import { Duration, Validations } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { FilterCriteria, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { DynamoEventSource, SqsDlq, SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { EnvironmentKind, EnvironmentOf } from '#aws/environment.ts';
import { STREAM_FILTERS } from '#aws/stream-records.ts';
import { createDeadLetterQueue, NUDGE_TIMEOUT_SECONDS } from './nudge-queue.ts';
import { type PlaneCode, PlaneFunction } from './plane-function.ts';
import * as grant from './plane-permissions.ts';
import type { PlaneWorld } from './plane-world.ts';
import { explainWildcards } from './wildcards.ts';

/** The gateway answers 503 by itself after 30 s. */
const API_SECONDS = 29;
/** Below the state machine's own limit for a task (lambdas/aws/state-machine.ts). */
const ADVANCE_SECONDS = 300;
const SWEEP_SECONDS = 120;
/** Records of one run come one after the other in any case; more of them at once are other runs. */
const STREAM_AT_ONCE = 4;
const STREAM_TRIES = 10;

export const API_ENTRIES = [
  'platform',
  'training-svc',
  'unified-trainer',
  'orchestrator',
  'management',
  'sft',
  'runs',
  'attempts',
] as const;
export type ApiEntry = (typeof API_ENTRIES)[number];

export class PlaneFunctions extends Construct {
  readonly apis: Readonly<Record<ApiEntry, PlaneFunction<'api'>>>;
  readonly unrouted: PlaneFunction<'default'>;
  readonly websocket: PlaneFunction<'websocket'>;
  readonly advanceRun: PlaneFunction<'work'>;
  readonly nudges: PlaneFunction<'work'>;
  readonly stream: PlaneFunction<'stream'>;
  readonly sweeper: PlaneFunction<'sweeper'>;
  /** null where the image is given */
  readonly trainerBuild: PlaneFunction<'deployment'> | null;
  /** puts the dashboard into its bucket */
  readonly webDashboard: PlaneFunction<'deployment'>;
  /** changes whose events were not published; the sweeper publishes them in any case */
  readonly streamDeadLetters: Queue;
  readonly #code: PlaneCode;

  constructor(scope: Construct, id: string, { code, world }: { readonly code: PlaneCode; readonly world: PlaneWorld }) {
    super(scope, id);
    this.#code = code;
    const { environments } = world;
    this.apis = Object.fromEntries(
      API_ENTRIES.map((entry) => [entry, this.#create<'api'>(entry, `The API of ${entry}`, environments.api, API_SECONDS)]),
    ) as Record<ApiEntry, PlaneFunction<'api'>>;
    this.unrouted = this.#create<'default'>('default', 'What no route takes', environments.default, API_SECONDS, 256);
    this.websocket = this.#create<'websocket'>('websocket', 'Who follows a run live', environments.websocket, API_SECONDS, 512);
    this.advanceRun = this.#create<'work'>('advance-run', 'Moves one run on: the task of the workflow', environments.work, ADVANCE_SECONDS);
    this.nudges = this.#create<'work'>(
      'nudges',
      'Moves runs on at once, where something happened',
      environments.work,
      NUDGE_TIMEOUT_SECONDS,
    );
    this.stream = this.#create<'stream'>('stream', 'Publishes events, tells followers', environments.stream, 60);
    this.sweeper = this.#create<'sweeper'>('sweeper', 'Makes good what did not happen by itself', environments.sweeper, SWEEP_SECONDS);
    this.trainerBuild = world.grantImageBuild
      ? this.#create<'deployment'>('trainer-build', 'Starts the build of the trainer image, at a deployment', {}, API_SECONDS, 256)
      : null;
    this.webDashboard = this.#create<'deployment'>('web-dashboard', 'Puts the dashboard into its bucket, at a deployment', {}, 60, 512);
    this.streamDeadLetters = createDeadLetterQueue(this, 'StreamDeadLetters');
    this.#grantApis(world);
    this.#grantWorkers(world);
    this.#feedWorkers(world);
  }

  /** By entry, for the dashboard and the tests. */
  all(): PlaneFunction<EnvironmentKind>[] {
    return [
      ...Object.values(this.apis),
      this.unrouted,
      this.websocket,
      this.advanceRun,
      this.nudges,
      this.stream,
      this.sweeper,
      this.webDashboard,
      ...(this.trainerBuild ? [this.trainerBuild] : []),
    ];
  }

  #create<Kind extends EnvironmentKind>(
    entry: string,
    description: string,
    environment: EnvironmentOf<Kind>,
    timeoutSeconds: number,
    memoryMb = 1_024,
  ): PlaneFunction<Kind> {
    // A construct called Default has no part in the ids of what it holds.
    const name = entry === 'default' ? 'Unrouted' : toPascalCase(entry);
    return new PlaneFunction<Kind>(this, name, { ...this.#code, entry, description, environment, timeoutSeconds, memoryMb });
  }

  #grantApis(world: PlaneWorld): void {
    const { state, workflowArn, bases, data } = world;
    for (const { entry, role } of Object.values(this.apis)) {
      grant.grantTable(role, state.table);
      grant.grantSecret(role, state.secrets.token.secretArn);
      if (entry === 'platform') continue;
      grant.grantRing(role, state.nudges.queue);
      grant.grantSecret(role, state.secrets.key.secretArn);
      grant.grantRead(role, bases);
      if (entry === 'attempts') continue;
      grant.grantRead(role, data);
      grant.grantStart(role, workflowArn);
      // A stop gives back what a provider holds for a run.
      grant.grantSecret(role, ...world.rentalSecretArns);
    }
    const { attempts, runs } = this.apis;
    const own = [grant.areaOfBucket(state.bucket)];
    // claim.json
    grant.grantWrite(attempts.role, bases);
    world.grantRole.trust(attempts.role);
    grant.grantSecret(attempts.role, ...world.namedSecretArns);
    // stored rows of sessions, trajectories and data sets
    for (const one of [this.apis['training-svc'], runs]) grant.grantWrite(one.role, own);
    // what a deleted run leaves
    grant.grantRemove(runs.role, bases);
    grant.grantTable(this.websocket.role, state.table);
    grant.grantSecret(this.websocket.role, state.secrets.token.secretArn);
  }

  #grantWorkers(world: PlaneWorld): void {
    const { state, bus, workflowArn, bases, data, connectionsArn, batch } = world;
    for (const { role } of [this.advanceRun, this.nudges, this.sweeper]) {
      grant.grantTable(role, state.table);
      grant.grantRead(role, bases);
      grant.grantRemove(role, bases);
      grant.grantStart(role, workflowArn);
      grant.grantRing(role, state.nudges.queue);
      grant.grantSecret(role, ...world.rentalSecretArns);
    }
    for (const { role } of [this.advanceRun, this.nudges]) {
      grant.grantRead(role, data);
      grant.grantWrite(role, bases);
      grant.grantSecret(role, state.secrets.key.secretArn);
      grant.grantBatch(role, batch);
      world.grantImageLook(role);
    }
    if (this.trainerBuild) world.grantImageBuild?.(this.trainerBuild.role);
    const files = [grant.areaOfBucket(world.dashboardFiles)];
    grant.grantWrite(this.webDashboard.role, files);
    grant.grantRemove(this.webDashboard.role, files);
    grant.grantList(this.webDashboard.role, files);
    grant.grantListExecutions(this.sweeper.role, workflowArn);
    grant.grantDescribeJobs(this.sweeper.role);
    grant.grantTable(this.stream.role, state.table);
    for (const { role } of [this.stream, this.sweeper]) {
      grant.grantPublish(role, bus);
      grant.grantSocketsOf(role, connectionsArn);
    }
  }

  #feedWorkers({ state }: PlaneWorld): void {
    this.nudges.lambda.addEventSource(
      new SqsEventSource(state.nudges.queue, {
        batchSize: 10,
        maxBatchingWindow: Duration.seconds(1),
        reportBatchItemFailures: true,
        maxConcurrency: 10, // a burst of hints must not take the APIs' room
      }),
    );
    Validations.of(this.nudges).acknowledge({
      id: 'Serverless-LambdaEventSourceMappingDestination',
      reason: 'a queue has its own queue of dead letters; this destination is for streams',
    });
    explainWildcards(this.stream.role, 'dynamodb:ListStreams knows no resources; the library grants it with the stream', {
      resources: ['*'],
    });
    this.stream.lambda.addEventSource(
      new DynamoEventSource(state.table as ITable, {
        startingPosition: StartingPosition.TRIM_HORIZON,
        batchSize: 100,
        parallelizationFactor: STREAM_AT_ONCE,
        reportBatchItemFailures: true,
        bisectBatchOnError: true,
        retryAttempts: STREAM_TRIES,
        maxRecordAge: Duration.hours(6),
        onFailure: new SqsDlq(this.streamDeadLetters),
        filters: STREAM_FILTERS.map((pattern) => FilterCriteria.filter(pattern)),
      }),
    );
  }
}

const toPascalCase = (name: string): string =>
  name
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
