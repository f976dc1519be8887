/** How many vCPUs of a family of machines the account may run, as Service Quotas says. New accounts have 0 for machines with GPUs. */
import { GetServiceQuotaCommand, type ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Clock } from '#ports';

/** A raised quota is seen within this time. */
const KEPT_MILLIS = 5 * 60_000;

export class VcpuQuota {
  readonly #client: ServiceQuotasClient;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly vcpus: number; readonly until: number }>();

  constructor({ client, clock }: { readonly client: ServiceQuotasClient; readonly clock: Clock }) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @param code of the quota, `L-DB2E81BA` for On-Demand G and VT instances */
  async find(code: string): Promise<number> {
    const known = this.#known.get(code);
    if (known && known.until > this.#clock.now()) return known.vcpus;
    const { Quota } = await this.#client.send(new GetServiceQuotaCommand({ ServiceCode: 'ec2', QuotaCode: code }));
    const vcpus = Quota?.Value ?? Number.POSITIVE_INFINITY;
    this.#known.set(code, { vcpus, until: this.#clock.now() + KEPT_MILLIS });
    return vcpus;
  }
}
