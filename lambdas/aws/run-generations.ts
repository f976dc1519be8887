/**
 * Executions of a run's workflow, each a generation: named `<run>-g<n>`, which Step Functions keeps for 90 days, so that a name that is
 * taken says that this generation was started. Which one is the newest stands beside the record.
 *
 *   name free, or running with this input   -> it runs now (StartExecution is idempotent for a running execution)
 *   name taken by one that is over          -> the next generation
 *
 * Source: docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
 */
import { ExecutionAlreadyExists, ListExecutionsCommand, type SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { Generations } from '#workers/advance-run.ts';
import { executionName, runOfExecution } from './execution-names.ts';
import type { DynamoTable } from './table/dynamo-table.ts';
import { runKey } from './table/table-keys.ts';

/** An execution that is over by the time it is looked for is rare; one after the other, hardly thinkable. */
const MAX_STEPS = 10;
const LISTED_AT_ONCE = 1_000;

export interface RunGenerationsOptions {
  readonly client: SFNClient;
  readonly stateMachineArn: string;
  readonly table: DynamoTable;
}

export class RunGenerations implements Generations {
  readonly #client: SFNClient;
  readonly #stateMachineArn: string;
  readonly #table: DynamoTable;

  constructor({ client, stateMachineArn, table }: RunGenerationsOptions) {
    this.#client = client;
    this.#stateMachineArn = stateMachineArn;
    this.#table = table;
  }

  /** The first generation, without a look at the table. @returns false where it was started before and is over */
  begin(runId: string): Promise<boolean> {
    return this.#start(runId, 1);
  }

  async handOver(runId: string, generation: number): Promise<void> {
    if ((await this.#moveOn(runId, generation)) === generation + 1) await this.#start(runId, generation + 1);
  }

  /** Sees to it that an execution is there: the newest generation where it runs or never ran, else the next. */
  async ensure(runId: string): Promise<void> {
    const item = await this.#table.get(runKey(runId), ['generation', 'removed']);
    if (item === null || item['removed'] === true) return;
    let generation = Number(item['generation'] ?? 1);
    for (let step = 0; step < MAX_STEPS; step++) {
      if (await this.#start(runId, generation)) return;
      const next = await this.#moveOn(runId, generation);
      if (next === null) return;
      generation = next;
    }
    throw new Error(`run ${runId} has no execution: the names of ${MAX_STEPS} generations up to ${generation} are taken`);
  }

  /** Runs whose workflow is at work, of any generation. May lag: who acts on it finds out when it starts one that runs. */
  async running(): Promise<Set<string>> {
    const runs = new Set<string>();
    let nextToken: string | undefined;
    do {
      const page = await this.#client.send(
        new ListExecutionsCommand({
          stateMachineArn: this.#stateMachineArn,
          statusFilter: 'RUNNING',
          maxResults: LISTED_AT_ONCE,
          ...(nextToken !== undefined && { nextToken }),
        }),
      );
      for (const { name } of page.executions ?? []) {
        const runId = runOfExecution(name ?? '');
        if (runId !== null) runs.add(runId);
      }
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return runs;
  }

  /** @returns false where the name belongs to an execution that is over */
  async #start(runId: string, generation: number): Promise<boolean> {
    try {
      await this.#client.send(
        new StartExecutionCommand({
          stateMachineArn: this.#stateMachineArn,
          name: executionName(runId, generation),
          input: JSON.stringify({ runId, generation }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ExecutionAlreadyExists) return false;
      throw error;
    }
  }

  /** @returns the newest generation now: the next one, or what somebody else has made of it meanwhile; null without a run */
  async #moveOn(runId: string, from: number): Promise<number | null> {
    const { item, ...rest } = await this.#table.update(runKey(runId), {
      UpdateExpression: 'SET generation = :next',
      ConditionExpression: `attribute_exists(#record) AND (generation = :from${from === 1 ? ' OR attribute_not_exists(generation)' : ''})`,
      ExpressionAttributeNames: { '#record': 'record' },
      ExpressionAttributeValues: { ':from': from, ':next': from + 1 },
    });
    if (item !== null) return from + 1;
    const found = 'found' in rest ? rest.found : null;
    return found === null || found['record'] === undefined ? null : Number(found['generation'] ?? 1);
  }
}
