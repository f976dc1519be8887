/** The providers of a plane, by name. */
import { type PROVIDERS, providerProblem } from '#domain/providers.ts';
import type { Compute, Computes, Reason } from '#ports/compute.ts';

export class ComputeTable implements Computes {
  readonly #byName: ReadonlyMap<string, Compute>;

  constructor(providers: Readonly<Partial<Record<(typeof PROVIDERS)[number], Compute>>>) {
    this.#byName = new Map(Object.entries(providers));
  }

  of(provider: string): Compute {
    return this.#byName.get(provider) ?? new Unconfigured(provider, [...this.#byName.keys()]);
  }

  all(): readonly Compute[] {
    return [...this.#byName.values()];
  }
}

/** A provider that was configured when a run was sent there, and is not any more: its runs wait, and nothing is given up that may still be there. */
class Unconfigured implements Compute {
  readonly heartbeat = 'answers';
  readonly #waiting: Reason;

  constructor(provider: string, configured: readonly string[]) {
    this.#waiting = {
      code: 'provider',
      sentence: `provider ${providerProblem(provider, configured) ?? `'${provider}' is not configured here`}`,
      remedy: 'configure the provider again: the run goes on by itself',
    };
  }

  async machines(): ReturnType<Compute['machines']> {
    return [];
  }

  async reserve(): ReturnType<Compute['reserve']> {
    return { kind: 'no-capacity', waiting: this.#waiting };
  }

  async launch(): ReturnType<Compute['launch']> {
    return { kind: 'no-capacity', waiting: this.#waiting };
  }

  async observe(): ReturnType<Compute['observe']> {
    return { liveness: 'alive', waiting: this.#waiting };
  }

  async terminate(): Promise<void> {
    throw new Error(this.#waiting.sentence);
  }

  async release(): Promise<void> {}
}
