/** A configuration file that a request names: arguments by name, in YAML or JSON. */
import * as z from 'zod';
import { InvalidRequest } from '#domain/errors.ts';
import type { Ports } from '#ports/ports.ts';

const MAX_BYTES = 131_072;
/** Anchors that are used more often than this are no configuration. */
const MAX_ALIASES = 100;

const argumentsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]));
export type ConfigArguments = z.infer<typeof argumentsSchema>;

/** @param path of the field in the request. @throws InvalidRequest */
export async function readConfig(ports: Pick<Ports, 'inputs'>, file: string, path: string): Promise<ConfigArguments> {
  const read = await ports.inputs.readText(file, MAX_BYTES);
  if ('problem' in read) throw new InvalidRequest([{ path, message: read.problem }]);
  const { parse } = await import('yaml'); // 110 KB, for the few requests that name a file
  let value: unknown;
  try {
    value = parse(read.text, { maxAliasCount: MAX_ALIASES, prettyErrors: false });
  } catch {
    throw new InvalidRequest([{ path, message: `'${file}' is neither YAML nor JSON` }]); // the parser quotes the file, which may hold anything
  }
  const parsed = argumentsSchema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join('.')).filter((name) => name !== '');
  const which = places.length > 0 ? `: ${places.slice(0, 10).join(', ')}` : '';
  throw new InvalidRequest([{ path, message: `'${file}' must hold names with texts, numbers, true, false or null${which}` }]);
}
