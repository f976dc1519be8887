/**
 * Starts a run's workflow and rings it. Neither is ever a reason to refuse what a caller asked for: it was stored before, and the sweeper
 * makes good within a minute what was not started.
 */
import type { Log } from '#http/exchange.ts';
import type { Workflow } from '#ports/workflow.ts';

export interface WorkflowParts {
  readonly begin: (runId: string) => Promise<unknown>;
  readonly ring: (runId: string) => Promise<unknown>;
  readonly log: Log;
}

export class StepFunctionsWorkflow implements Workflow {
  readonly #parts: WorkflowParts;

  constructor(parts: WorkflowParts) {
    this.#parts = parts;
  }

  async start(runId: string): Promise<void> {
    await this.#try('execution-not-started', runId, this.#parts.begin);
  }

  async nudge(runId: string): Promise<void> {
    await this.#try('nudge-not-sent', runId, this.#parts.ring);
  }

  async #try(event: string, runId: string, act: (runId: string) => Promise<unknown>): Promise<void> {
    try {
      await act(runId);
    } catch (error) {
      this.#parts.log({ level: 'warn', event, runId, message: error instanceof Error ? error.message : String(error) });
    }
  }
}
