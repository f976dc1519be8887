/** What the chain of a surface costs a request: match, token, size, parsing, key, reply; beside the route's own checks and work. */

import type { RequestContext, Route } from '#http/route.ts';
import { createSurfaceHandler } from '#http/surface-handler.ts';
import { SqliteDatabase } from '#local/sqlite-database.ts';
import { SqliteRunStore } from '#local/sqlite-run-store.ts';
import type { Ports } from '#ports/ports.ts';
import { sftSurface } from '#surfaces/sft/surface.ts';
import { gatewayEvent, lambdaContext } from '../test/support/gateway-event.ts';
import { MemoryPlane } from '../test/support/memory-plane.ts';
import { SFT } from './apis.ts';
import { median } from './load.ts';

const TOKEN = 'a-token-of-the-usual-length-0123456789abcdef';
const STRETCHES = 11;
const CALLS = 500;

export interface ShareFigures {
  readonly name: string;
  /** an event in, an answer out */
  readonly wholeMicros: number;
  /** schemas and handler, with the parsed parts given */
  readonly routeMicros: number;
}

export async function measureShare(home: string): Promise<readonly ShareFigures[]> {
  const database = SqliteDatabase.open(home);
  const ports: Ports = { ...new MemoryPlane().ports, runs: new SqliteRunStore(database, { clock: { now: Date.now } }) };
  const handle = createSurfaceHandler(sftSurface, ports, { tokens: [TOKEN], allowedOrigins: [] });
  const headers = { authorization: `Bearer ${TOKEN}` };
  const body = SFT.create.body(0);
  const create = gatewayEvent({ method: 'POST', path: '/api/sft/train', headers, body });
  try {
    const created: { job_id: string } = JSON.parse((await handle(create, lambdaContext)).body ?? '');
    const params = { job_id: created.job_id };
    const get = gatewayEvent({ path: `/api/sft/jobs/${params.job_id}`, route: '/api/sft/jobs/{job_id}', params, headers });
    return [
      {
        name: 'get a job',
        wholeMicros: await microsOf(() => handle(get, lambdaContext)),
        routeMicros: await microsOf(() => callRoute(routeOf('getSftJob'), { params, query: {}, body: undefined }, ports)),
      },
      {
        name: 'create a job',
        wholeMicros: await microsOf(() => handle(create, lambdaContext)),
        routeMicros: await microsOf(() => callRoute(routeOf('startSftJob'), { params: {}, query: {}, body }, ports)),
      },
    ];
  } finally {
    database.close();
  }
}

function routeOf(operationId: string): Route {
  const route = sftSurface.routes.find((candidate) => candidate.operationId === operationId);
  if (!route) throw new Error(`no operation ${operationId}`);
  return route;
}

async function callRoute(route: Route, parts: Parameters<Route['check']>[0], ports: Ports): Promise<unknown> {
  const checked = route.check(parts);
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems));
  return checked.call(CONTEXT, ports);
}

const CONTEXT: RequestContext = {
  id: 'bench',
  caller: 'bench',
  method: 'GET',
  path: '/',
  search: '',
  headers: {},
  remember: () => undefined,
};

async function microsOf(call: () => Promise<unknown>): Promise<number> {
  const stretches: number[] = [];
  for (let stretch = -2; stretch < STRETCHES; stretch++) {
    const began = performance.now();
    for (let index = 0; index < CALLS; index++) await call();
    if (stretch >= 0) stretches.push(((performance.now() - began) / CALLS) * 1_000);
  }
  return median(stretches);
}
