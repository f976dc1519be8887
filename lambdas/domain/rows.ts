/**
 * Rows as users store them: JSON Lines, all of one format. The same rules as the trainer's (`trainer/row_formats.py`), so that a bad row is
 * told when it is stored and not when it is trained on. Problems name a row by its line, never by its text.
 */
import * as z from 'zod';
import type { Problem } from './errors.ts';
import { DATASET_FORMATS } from './training.ts';

export const ROW_FORMATS = DATASET_FORMATS;
/** What the documents say of rows as text. */
export const SOME_TEXT = String.raw`\{`;
export type RowFormat = (typeof ROW_FORMATS)[number];

const MAX_PROBLEMS = 20;

const must = (what: string) => ({ error: ({ input }: { input?: unknown }) => (input === undefined ? 'is missing' : `must be ${what}`) });
const text = z.string(must('a text')).refine((value) => value.trim() !== '', 'must not be empty');
const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool'], 'must be one of system, developer, user, assistant, tool'),
  content: z.string('must be a text').nullish(),
  tool_calls: z.array(z.unknown()).optional(),
});
const spoken = message
  .refine(({ content, tool_calls }) => typeof content === 'string' || (tool_calls?.length ?? 0) > 0, 'has no content')
  .meta({
    anyOf: [
      { required: ['content'], properties: { content: { type: 'string' } } },
      { required: ['tool_calls'], properties: { tool_calls: { minItems: 1 } } },
    ],
  });
const messages = z.array(spoken, must('a list')).min(1, 'must not be empty');
export const conversationSchema = messages
  .refine((list) => list.some(({ role }) => role === 'assistant'), 'must hold a message of the assistant')
  .meta({ contains: { properties: { role: { const: 'assistant' } } } });

const ROWS: Readonly<Record<RowFormat, z.ZodType>> = {
  alpaca: z.looseObject({ instruction: text, output: text, input: z.string('must be a text').nullish() }),
  messages: z.looseObject({ messages: conversationSchema }),
  prompt_completion: z.union([
    z.looseObject({ prompt: text, completion: text }),
    z.looseObject({ prompt: messages, completion: messages }),
  ]),
  trajectory_completion: z.union([
    z.looseObject({ trajectory: messages, prompt: text, completion: text }),
    z.looseObject({ trajectory: messages, prompt: messages, completion: messages }),
  ]),
  preference: z
    .union([
      z.looseObject({ prompt: text, chosen: text, rejected: text }),
      z.looseObject({ prompt: messages, chosen: messages, rejected: messages }),
    ])
    .refine(({ chosen, rejected }) => JSON.stringify(chosen) !== JSON.stringify(rejected), 'has the same chosen and rejected'),
  text: z.looseObject({ text }),
};

const KNOWN =
  'alpaca (instruction, output), messages, prompt_completion (prompt, completion), trajectory_completion (trajectory, prompt, completion), preference (prompt, chosen, rejected) or text';

export interface CheckedRows {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly format: RowFormat | null;
  readonly problems: Problem[];
}

/** Every row of a text in JSON Lines; empty lines count and hold none. The first row decides the format of all. */
export function checkRows(content: string): CheckedRows {
  const rows: Readonly<Record<string, unknown>>[] = [];
  const problems: Problem[] = [];
  let format: RowFormat | null = null;
  for (const [index, line] of content.split('\n').entries()) {
    if (line.trim() === '') continue;
    const path = `line ${index + 1}`;
    const row = parseRow(line);
    if (typeof row === 'string') {
      problems.push({ path, message: row });
      continue;
    }
    format ??= detectFormat(row);
    const fault = format === null ? `is of no known format: ${KNOWN}` : faultOf(row, format);
    if (fault) problems.push({ path, message: fault });
    else rows.push(row);
  }
  if (rows.length === 0 && problems.length === 0) problems.push({ path: '', message: 'must hold at least one row, got none' });
  const more = problems.length - MAX_PROBLEMS;
  return {
    rows,
    format,
    problems: more > 0 ? [...problems.slice(0, MAX_PROBLEMS), { path: '', message: `and ${more} more bad rows` }] : problems,
  };
}

const rowSchema = z.record(z.string(), z.unknown());

/** @returns the row, or what is wrong with the line */
function parseRow(line: string): Readonly<Record<string, unknown>> | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'must be JSON';
  }
  const row = rowSchema.safeParse(value);
  return row.success ? row.data : 'must be a JSON object';
}

function detectFormat(row: Readonly<Record<string, unknown>>): RowFormat | null {
  if (Array.isArray(row['messages'])) return 'messages';
  if ('prompt' in row && 'chosen' in row) return 'preference';
  if ('prompt' in row && 'completion' in row) return Array.isArray(row['trajectory']) ? 'trajectory_completion' : 'prompt_completion';
  if ('instruction' in row && ('output' in row || 'input' in row)) return 'alpaca';
  return 'text' in row ? 'text' : null;
}

function faultOf(row: Readonly<Record<string, unknown>>, format: RowFormat): string | null {
  const checked = ROWS[format].safeParse(row);
  if (checked.success) return null;
  const [issue] = checked.error.issues;
  if (issue?.code === 'invalid_union') return `${format} rows need texts, or lists of messages, in each of their fields`;
  return `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not allowed'}`.trim();
}
