/** How many vCPUs of a family of machines the account may run, as Service Quotas says. New accounts have 0 for machines with GPUs. */
import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { type Log, logToStderr } from '#http/exchange.ts';
import type { Clock } from '#ports/workflow.ts';

/** A raised quota is seen within this time. */
const KEPT_MILLIS = 5 * 60_000;

export class VcpuQuota {
  readonly #client: ServiceQuotasClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new Map<string, { readonly vcpus: number; readonly until: number }>();

  constructor({
    client,
    clock,
    log = logToStderr,
  }: {
    readonly client: ServiceQuotasClient;
    readonly clock: Clock;
    readonly log?: Log;
  }) {
    this.#client = client;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * @param code of the quota, `L-DB2E81BA` for On-Demand G and VT instances
   * @returns infinity where it cannot be read: this look only tells sooner what AWS Batch tells in any case, and must stop nobody
   */
  async find(code: string): Promise<number> {
    const known = this.#known.get(code);
    if (known && known.until > this.#clock.now()) return known.vcpus;
    const vcpus = await this.#read(code);
    this.#known.set(code, { vcpus, until: this.#clock.now() + KEPT_MILLIS });
    return vcpus;
  }

  async #read(code: string): Promise<number> {
    try {
      const { Quota } = await this.#client.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: code }));
      return Quota?.Value ?? Number.POSITIVE_INFINITY;
    } catch (error) {
      this.#log({ level: 'warn', event: 'quota-not-read', code, message: error instanceof Error ? error.message : String(error) });
      return Number.POSITIVE_INFINITY;
    }
  }
}
