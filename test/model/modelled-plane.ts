/** The real surfaces, operations and lifecycle in one process: calls without a network, trainers and machines at the test's word. */

import { RouteTable } from '#http/route-table.ts';
import { createSurfaceHandler } from '#http/surface-handler.ts';
import { seedDefaultProject } from '#operations/projects.ts';
import { API_SURFACES } from '#surfaces/api-surfaces.ts';
import { gatewayEvent, lambdaContext } from '../support/gateway-event.ts';
import { MemoryPlane, type MemoryTrainer } from '../support/memory-plane.ts';

const ACCESS = { tokens: [], allowedOrigins: [] };
const TABLE = new RouteTable(API_SURFACES);

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what an API says is compared, whatever it is
  readonly body: any;
}

export class ModelledPlane {
  readonly #plane = new MemoryPlane();
  readonly #trainers = new Map<string, MemoryTrainer>();
  readonly #handlers = new Map(API_SURFACES.map((surface) => [surface, createSurfaceHandler(surface, this.#plane.ports, ACCESS)]));

  static async open(): Promise<ModelledPlane> {
    const plane = new ModelledPlane();
    await seedDefaultProject(plane.#plane.ports);
    return plane;
  }

  async call(method: string, target: string, body?: unknown): Promise<Answer> {
    const [path = '', search = ''] = target.split('?');
    const match = TABLE.find(method, path);
    const handle = match && this.#handlers.get(match.surface);
    if (!match || !handle) throw new Error(`no route ${method} ${path}`);
    this.#plane.now += 1;
    const event = gatewayEvent({
      method,
      path,
      route: match.route.path,
      ...(match.params && { params: match.params }),
      ...(search && { query: Object.fromEntries(new URLSearchParams(search)) }),
      body,
    });
    const { statusCode, body: text = '' } = await handle(event, lambdaContext);
    return { status: statusCode ?? 0, body: text === '' ? null : JSON.parse(text) };
  }

  async look(id: string): Promise<void> {
    await this.#plane.settle(id);
  }

  async start(id: string): Promise<void> {
    const trainer = await this.#trainerOf(id);
    await trainer.claim();
    await trainer.report('training', { step: 1 });
    await this.look(id);
  }

  async save(id: string, step: number): Promise<void> {
    const trainer = await this.#trainerOf(id);
    await trainer.checkpoint(step);
    await trainer.report('training', { step });
    await this.look(id);
  }

  async end(id: string, outcome: 'completed' | 'failed' | 'stopped' | 'paused'): Promise<void> {
    const trainer = await this.#trainerOf(id);
    if (outcome === 'failed') await trainer.fail('engine_crashed', 'the engine crashed');
    else await trainer.finish(outcome);
    await this.look(id);
  }

  async lose(id: string): Promise<void> {
    const { attempt } = await this.#plane.run(id);
    this.#plane.setLiveness(id, attempt?.number ?? 0, 'gone');
    await this.look(id);
  }

  async #trainerOf(id: string): Promise<MemoryTrainer> {
    const { attempt, folder } = await this.#plane.run(id);
    const tag = `${id} ${attempt?.number}`;
    const trainer = this.#trainers.get(tag) ?? this.#plane.trainer(id, attempt?.number, folder);
    this.#trainers.set(tag, trainer);
    return trainer;
  }
}
