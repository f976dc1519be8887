/** What our connectors send, and what the fake servers answer, against each provider's own document with the recorded deviations laid over it. */
import { describe, expect, test } from 'vitest';
import type { RentingProvider } from '#domain/providers.ts';
import { stopRun } from '#operations/stop-run.ts';
import { aComputeNeed } from '../support/builders.ts';
import { RentedWorld } from '../support/rented-world.ts';
import type { Exchange, Fault } from './fake-provider.ts';
import { type Deviations, OfficialDocument } from './official-document.ts';

interface Judge {
  readonly file: string;
  readonly prefix?: string;
  readonly deviations: Deviations;
  /** operations that must have been seen, so that the test cannot pass by asking little */
  readonly operations: readonly RegExp[];
}

const AT_CREATE = '/paths/~1api~1v0~1asks~1{id}/put/requestBody/content/application~1json/schema/properties/env';
const AT_SEARCH = '/paths/~1api~1v0~1bundles/post/requestBody/content/application~1json/schema/properties';
const AT_SHOW = '/paths/~1api~1v0~1instances~1{id}/get/responses';
const JUDGES: Readonly<Record<RentingProvider, Judge>> = {
  runpod: {
    file: 'runpod-rest-v2.openapi.json',
    deviations: {},
    operations: [
      /^GET \/v2\/catalog\/gpus 200/,
      /^POST \/v2\/pods 201/,
      /^POST \/v2\/pods 400/,
      /^GET \/v2\/pods 200/,
      /^GET \/v2\/pods\/\w+ 200/,
      /^GET \/v2\/pods\/\w+ 404/,
      /^DELETE .* 204/,
      /^GET \/v2\/billing\/pods 200/,
    ],
  },
  lambda: {
    file: 'lambda-v1.8.3.openapi.json',
    // 1.10.0 adds first_healthy to what 1.8.3 lists.
    deviations: {},
    operations: [
      /instance-types 200/,
      /launch 200/,
      /launch 400/,
      /instances 200/,
      /instances\/\w+ 200/,
      /terminate 200/,
      /ssh-keys 200/,
      /audit-events 200/,
    ],
  },
  vastai: {
    file: 'vast-v0.openapi.yaml',
    deviations: {
      // The guide: an object; the string of the document is silently not applied.
      [AT_CREATE]: { type: 'object', additionalProperties: { type: 'string' } },
      // Its quickstart and command line say 'on-demand', and sort by one column.
      [`${AT_SEARCH}/type`]: { enum: ['on-demand', 'ondemand', 'bid', 'reserved'] },
      [`${AT_SEARCH}/order`]: { type: 'array', items: { type: 'array', items: { type: 'string' } } },
      // The command line reads pairs, and null for a machine that was destroyed a moment ago.
      '/components/schemas/Instance/properties/extra_env': { type: 'array', items: { type: 'array', items: { type: 'string' } } },
      [`${AT_SHOW}/200/content/application~1json/schema/properties/instances`]: {
        anyOf: [{ $ref: '#/components/schemas/Instance' }, { type: 'null' }],
      },
      [`${AT_SHOW}/404`]: { description: 'no_such_instance', content: {} },
    },
    operations: [
      /bundles\/ 200/,
      /asks\/\d+\/ 200/,
      /asks\/\d+\/ 410/,
      /v1\/instances\/ 200/,
      /v0\/instances\/\d+\/ 200/,
      /^DELETE .* 200/,
      /charges\/ 200/,
    ],
  },
};

/** Runs that finish, are cancelled, preempted, refused, and billed. */
async function exchangesOf(provider: RentingProvider): Promise<Exchange[]> {
  const world = new RentedWorld();
  world.fake(provider).listLagMillis = 60_000; // what is not listed yet is asked for by its id
  const faults: Fault[] = ['refused', 'busy'];
  world.fake(provider).nextFault = (operation) => (operation === 'create' ? (faults.shift() ?? null) : null);
  const ids = [await world.submit(provider), await world.submit(provider, { compute: aComputeNeed({ region: 'US' }) })];
  if (provider === 'vastai')
    ids.push(await world.submit(provider, { compute: aComputeNeed({ spot: true, maxUsdPerHour: 2, gpuType: 'H100' }) }));
  await world.until(() => world.fake(provider).live().length > 0);
  world.fake(provider).preempt();
  const stopped = await world.submit(provider);
  await world.until(async () => (await world.runs.get(stopped))?.run.state === 'running');
  await world.act((ports) => stopRun(ports, stopped));
  await world.until(async () => (await Promise.all([...ids, stopped].map((id) => world.isFinal(id)))).every(Boolean), 20_000);
  const sweeps = world.sweeps.length;
  await world.until(() => world.sweeps.length > sweeps + 130, 20_000);
  return world.fake(provider).exchanges;
}

describe.each(Object.entries(JUDGES))('%s', (provider, { file, prefix, deviations, operations }) => {
  test('every request and every answer is as the document says', async (context) => {
    const document = OfficialDocument.open(file, deviations, prefix);
    if (document === null) context.skip(`${file} is not at hand: TUNEPLANE_PROVIDER_SPECS names its folder`);
    const exchanges = await exchangesOf(provider as RentingProvider);

    const verdicts = exchanges.flatMap((exchange) => document?.judge(exchange) ?? []);

    const faults = new Set(
      verdicts.filter(({ faults: found }) => found.length > 0).map(({ exchange, faults: found }) => `${exchange}: ${found.join('; ')}`),
    );
    expect([...faults].slice(0, 20)).toEqual([]);
    for (const operation of operations)
      expect(
        verdicts.some(({ exchange }) => operation.test(exchange)),
        String(operation),
      ).toBe(true);
  });
});
