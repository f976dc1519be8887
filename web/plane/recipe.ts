/** A request to the plane as data: the page performs it, and shows it as text to those who want to do the same elsewhere. */
export interface Recipe {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** with its query */
  readonly path: string;
  /** sent as JSON */
  readonly body?: unknown;
  /** sent as it is; `file` names it where a shell would read it */
  readonly text?: { readonly content: string; readonly contentType: string; readonly file: string };
  /** the same as words of the command line, where it has a command for it: `['stop', '-y', 'run_01…']` */
  readonly command?: readonly string[];
}

const TOKEN = 'TRAINER_API_TOKEN';

/** @param origin `http://127.0.0.1:8000`. @param hasToken whether this plane asks for one; its value is never written */
export function toCurl({ method, path, body, text }: Recipe, origin: string, hasToken: boolean): string {
  const parts = [`curl -sS${method === 'GET' ? 'L' : ''}${method === 'GET' ? '' : ` -X ${method}`} ${quote(origin + path)}`];
  if (hasToken) parts.push(`-H "Authorization: Bearer $${TOKEN}"`);
  if (text) parts.push(`-H ${quote(`content-type: ${text.contentType}`)}`, `--data-binary ${quote(`@${text.file}`)}`);
  else if (body !== undefined) parts.push("-H 'content-type: application/json'", `-d ${quote(JSON.stringify(body))}`);
  return parts.join(' \\\n  ');
}

/** For the command line of this project. */
export const toCommandLine = ({ command = [] }: Recipe, origin: string): string =>
  ['npx tuneplane', ...command.map((word) => (/^[\w./:=@,-]+$/.test(word) ? word : quote(word))), '--url', origin].join(' ');

/** `--set name=value` for each part of a configuration, as the command line reads values. */
export const toAssignments = (config: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(config).flatMap(([name, value]) => ['--set', `${name}=${toWord(value)}`]);

/** A text that reads as something else is quoted, as JSON quotes it. */
function toWord(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  return /^[[{"]|^(?:true|false|null)$|^[+-]?[\d.]/.test(value.trim()) ? JSON.stringify(value) : value;
}

export function toPython({ method, path, body, text }: Recipe, origin: string, hasToken: boolean): string {
  const lines = [...(hasToken ? ['import os', ''] : []), 'import requests', ''];
  const headers: string[] = [];
  if (hasToken) headers.push(`"Authorization": f"Bearer {os.environ['${TOKEN}']}"`);
  if (text) headers.push(`"Content-Type": ${JSON.stringify(text.contentType)}`);
  lines.push(`reply = requests.${method.toLowerCase()}(`, `    ${JSON.stringify(origin + path)},`);
  if (headers.length > 0) lines.push(`    headers={${headers.join(', ')}},`);
  if (text) lines.push(`    data=open(${JSON.stringify(text.file)}, "rb"),`);
  else if (body !== undefined) lines.push(`    json=${toPythonValue(body, 1)},`);
  lines.push(')', 'reply.raise_for_status()', method === 'DELETE' ? '' : 'print(reply.json())');
  return lines.join('\n').trimEnd();
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** JSON as Python writes it. @param depth how far it is indented, in fours */
function toPythonValue(value: unknown, depth: number): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'object') return JSON.stringify(value);
  const inner = '    '.repeat(depth + 1);
  const entries = Array.isArray(value)
    ? value.map((item) => toPythonValue(item, depth + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${toPythonValue(item, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return entries.length === 0
    ? open + close
    : `${open}\n${entries.map((entry) => `${inner}${entry},\n`).join('')}${'    '.repeat(depth)}${close}`;
}
