/** One AsyncAPI 3 document of everything that is pushed: what each channel is, and what its messages hold. Made from the schemas of the messages. */
import * as z from 'zod';
import packageJson from '../../package.json' with { type: 'json' };

type Json = Readonly<Record<string, unknown>>;

export interface Channel {
  /** unique, camelCase */
  readonly name: string;
  readonly address: string;
  readonly title: string;
  readonly description: string;
  readonly protocol: 'ws' | 'http' | 'eventbridge';
  readonly parameters?: Readonly<Record<string, string>>;
  /** of the handshake */
  readonly query?: z.ZodObject;
  /** by name; each with `.meta({ id })` */
  readonly messages: Readonly<Record<string, Message>>;
}

interface Message {
  readonly summary: string;
  readonly schema: z.ZodType;
  /** what stands beside the payload: of an event on a bus, its source and detail type */
  readonly headers?: z.ZodObject;
}

/** Who sends, by the protocol of a channel. */
const SERVERS: Readonly<Record<Channel['protocol'], { readonly name: string; readonly server: Json }>> = {
  ws: {
    name: 'sockets',
    server: { host: 'localhost:8000', protocol: 'ws', description: 'one machine; on AWS the front door of the stage, with wss' },
  },
  http: {
    name: 'plane',
    server: { host: 'localhost:8000', protocol: 'http', description: 'one machine; on AWS the front door of the stage, with https' },
  },
  eventbridge: {
    name: 'bus',
    server: {
      host: 'events.{region}.amazonaws.com',
      protocol: 'eventbridge',
      description: 'the event bus of the stage, on AWS; its name is an output of the stack',
      variables: { region: { description: 'where the stage is deployed', default: 'us-east-1' } },
    },
  },
};

const entriesOf = <Value, Made>(
  record: Readonly<Record<string, Value>>,
  make: (value: Value, name: string) => Made,
): Record<string, Made> => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, make(value, name)]));

const toSchema = (schema: z.ZodType): Json => {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'output', reused: 'inline' });
  return open(json) as Json;
};

/** Our messages may grow fields; a client made from this document must not break on them. */
function open(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(open);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, value]) => (key === 'additionalProperties' && value === false ? [] : [[key, open(value)]])),
  );
}

/** Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0 */
export function buildAsyncApi(channels: readonly Channel[]): Json {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Tuneplane',
      version: packageJson.version,
      description:
        'What the plane pushes: the messages of the WebSocket of each job, the events of each run, and what goes out on the bus.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    servers: Object.fromEntries(channels.map(({ protocol }) => [SERVERS[protocol].name, SERVERS[protocol].server])),
    channels: Object.fromEntries(
      channels.map(({ name, address, title, description, protocol, parameters, query, messages }) => [
        name,
        {
          address,
          title,
          description,
          servers: [{ $ref: `#/servers/${SERVERS[protocol].name}` }],
          ...(parameters && { parameters: entriesOf(parameters, (text) => ({ description: text })) }),
          messages: entriesOf(messages, (_, message) => ({ $ref: `#/components/messages/${message}` })),
          ...(protocol === 'ws' && query && { bindings: { ws: { bindingVersion: '0.1.0', query: toSchema(query) } } }),
        },
      ]),
    ),
    operations: Object.fromEntries(
      channels.map(({ name, title, messages }) => [
        `send${name.charAt(0).toUpperCase()}${name.slice(1)}`,
        {
          action: 'send',
          summary: title,
          channel: { $ref: `#/channels/${name}` },
          messages: Object.keys(messages).map((message) => ({ $ref: `#/channels/${name}/messages/${message}` })),
        },
      ]),
    ),
    components: {
      messages: Object.assign(
        {},
        ...channels.map(({ messages }) =>
          entriesOf(messages, ({ summary, schema, headers }, name) => ({
            name,
            title: name,
            summary,
            ...(headers && { headers: toSchema(headers) }),
            payload: toSchema(schema),
          })),
        ),
      ),
    },
  };
}
