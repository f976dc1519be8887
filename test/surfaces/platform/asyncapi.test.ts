/** The document of what is pushed: valid AsyncAPI, and true to what the sockets say. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';
import { PUBLIC_EVENTS, toPublicEvents } from '#domain/public-events.ts';
import { buildAsyncApi } from '#http/asyncapi.ts';
import { CHANNELS } from '#surfaces/channels.ts';
import { toGreeting } from '#surfaces/orchestrator/messages.ts';
import { anEvent, aProgress, aRun } from '../../support/builders.ts';

const document = JSON.parse(JSON.stringify(buildAsyncApi(CHANNELS)));

/** AsyncAPI's own JSON Schema of its documents, without the part that fetches others. */
async function specification(): Promise<object> {
  return JSON.parse(await readFile(createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0.json'), 'utf8'));
}

test('is valid AsyncAPI 3', async () => {
  const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false }); // the schema brings draft 7 along
  addFormats.default(ajv);
  const validate = ajv.compile(await specification());

  validate(document);

  expect(validate.errors).toBeNull();
});

test('what a socket says meets the schema of its message', () => {
  const said = toGreeting({ run: aRun({ state: 'running', startedAt: '2026-01-01T00:00:00.000Z' }), progress: aProgress() });

  for (const message of said) {
    const name = `${message.type.charAt(0).toUpperCase()}${message.type.slice(1)}Message`;
    const validate = new Ajv({ strict: false }).compile(document.components.messages[name].payload);
    validate(message);
    expect(validate.errors, name).toBeNull();
  }
  expect(said.map(({ type }) => type)).toEqual(['status', 'metrics']);
});

test('each message of a channel is described, and each description used', () => {
  const used = CHANNELS.flatMap(({ messages }) => Object.keys(messages));

  expect(Object.keys(document.components.messages).sort()).toEqual(used.sort());
  expect(new Set(used).size).toBe(used.length);
});

test.each(Object.keys(PUBLIC_EVENTS))('%s on the bus is described by the schema that subscribers have', async (detailType) => {
  const name = detailType.replaceAll(' ', '');
  const { payload, headers } = document.components.messages[name];
  const file = `docs/events/${detailType.toLowerCase().replaceAll(' ', '-')}.schema.json`;

  const { $schema: _, ...ofSubscribers } = JSON.parse(await readFile(file, 'utf8'));

  expect(payload).toEqual(ofSubscribers);
  expect(headers.properties).toMatchObject({ source: { const: 'tuneplane' }, 'detail-type': { const: detailType } });
  expect(document.channels.busEvents.messages[name]).toEqual({ $ref: `#/components/messages/${name}` });
});

test('what goes out on the bus meets the schema of its message', () => {
  const run = aRun({ state: 'failed', startedAt: '2026-01-01T00:00:00.000Z' });
  const said = toPublicEvents(anEvent(run, { type: 'state-changed', data: { before: 'running' } }), run, 'https://plane.example.com');

  for (const { detailType, detail } of said) {
    const ajv = new Ajv({ strict: false });
    addFormats.default(ajv);
    const validate = ajv.compile(document.components.messages[detailType.replaceAll(' ', '')].payload);
    validate(detail);
    expect(validate.errors, detailType).toBeNull();
  }
  expect(said.map(({ detailType }) => detailType)).toEqual(['Training Run State Change', 'Training Run Finished']);
});

test('each channel names who sends on it', () => {
  const servers = Object.values<{ servers: { $ref: string }[] }>(document.channels).flatMap((channel) =>
    channel.servers.map(({ $ref }) => $ref),
  );

  expect(servers).toEqual(['#/servers/sockets', '#/servers/plane', '#/servers/bus']);
  expect(Object.keys(document.servers)).toEqual(['sockets', 'plane', 'bus']);
});
