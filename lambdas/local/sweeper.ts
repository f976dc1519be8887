import { reapMachines } from '#operations/reap-machines.ts';
import type { Ports } from '#ports/ports.ts';
import { logFault } from './log-fault.ts';

/** Looks at every rented machine once a minute, one sweep at a time. Where nothing can be rented it does nothing. */
export class Sweeper {
  readonly #ports: Ports;
  readonly #timer: NodeJS.Timeout | null;
  #sweep: Promise<void> | null = null;

  constructor(ports: Ports, seconds: number) {
    this.#ports = ports;
    const rents = ports.compute.all().some(({ rental }) => rental !== undefined);
    this.#timer = rents ? setInterval(() => this.#begin(), seconds * 1_000).unref() : null;
  }

  /** Resolves when the sweep under way is over. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.#sweep;
  }

  #begin(): void {
    this.#sweep ??= this.#run().finally(() => {
      this.#sweep = null;
    });
  }

  async #run(): Promise<void> {
    try {
      const { reaped, faults } = await reapMachines(this.#ports);
      for (const { provider, label, reason } of reaped) console.error(JSON.stringify({ event: 'machine-ended', provider, label, reason }));
      for (const { provider, error } of faults) logFault('sweep-failed', { provider }, error);
    } catch (error) {
      logFault('sweep-failed', {}, error); // the next minute tries again
    }
  }
}
