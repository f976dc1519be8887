/** A client of the SFT API: 40 lines of typed fetch over the schemas that the server answers with. */
import type * as z from 'zod';
import { jobDetailResponse, jobStartResponse } from '../lambdas/surfaces/sft/schemas.ts';

export type JobDetail = z.infer<typeof jobDetailResponse>;

export class SftClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, token: string | null) {
    this.#url = url;
    this.#headers = { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  }

  /** @throws Error with the plane's own sentence */
  async startJob(config: Readonly<Record<string, unknown>>): Promise<string> {
    return (await this.#call('POST', '/api/sft/train', jobStartResponse, { config })).job_id;
  }

  async getJob(id: string): Promise<JobDetail> {
    return this.#call('GET', `/api/sft/jobs/${id}`, jobDetailResponse);
  }

  async #call<T>(method: string, path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    const response = await fetch(this.#url + path, {
      method,
      headers: this.#headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return schema.parse(JSON.parse(text));
  }
}
