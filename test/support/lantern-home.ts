import type { Access } from '#http/access.ts';
import { createSurfaceHandler } from '#http/surface-handler.ts';
import type { Ports } from '#ports/ports.ts';
import { type GatewayRequest, gatewayEvent, lambdaContext } from './gateway-event.ts';
import { HandClock } from './hand-clock.ts';
import { InMemoryAnswers } from './in-memory-answers.ts';
import { InMemoryDocuments } from './in-memory-documents.ts';
import { lanternSurface } from './lantern-surface.ts';
import { portsWith } from './ports-with.ts';

/** The lantern API over stores in memory and a clock moved by hand; `ask` answers with what the client would see. */
export function openLanternHome({ access = {}, ports = {} }: { access?: Partial<Access>; ports?: Partial<Ports> } = {}) {
  const clock = new HandClock();
  const answers = new InMemoryAnswers(clock);
  const documents = new InMemoryDocuments(answers);
  const logged: Readonly<Record<string, unknown>>[] = [];
  const all = portsWith({ clock, answers, documents, ...ports });
  const handle = createSurfaceHandler(lanternSurface, all, { tokens: [], allowedOrigins: [], ...access }, (line) => void logged.push(line));

  async function ask(request: GatewayRequest) {
    const { statusCode: status, headers = {}, body } = await handle(gatewayEvent(request), lambdaContext);
    return { status, headers, body, json: body ? JSON.parse(body) : undefined };
  }
  return { ask, handle, clock, answers, documents, logged };
}
