import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { parseJsonBody, readBody } from '#http/request-body.ts';
import { findProblems } from '#http/validation.ts';
import { gatewayEvent } from '../support/gateway-event.ts';
import { lanternSchema } from '../support/lantern-surface.ts';

const said = (schema: z.ZodType, input: unknown): string[] =>
  findProblems(schema, input).map(({ path, message }) => (path ? `${path}: ${message}` : message));

describe('a problem says what was wrong, what was given and what is allowed', () => {
  const sentences: [string, z.ZodType, unknown, string][] = [
    ['a number out of its range', z.int().min(1).max(100), 0, 'must be 1 to 100, got 0'],
    ['a number at an open bound', z.number().positive().max(1), 0, 'must be above 0 and at most 1, got 0'],
    ['a number below its only bound', z.int().min(8), 7, 'must be at least 8, got 7'],
    ['half where a whole number belongs', z.int().min(1).max(100), 1.5, 'must be a whole number from 1 to 100, got 1.5'],
    ['text where a number belongs', z.number().min(0).lt(1), 'abc', "must be a number of at least 0 and below 1, got 'abc'"],
    ['a number where text belongs', z.string(), 7, 'must be text, got 7'],
    ['a query value that is no number', z.coerce.number().int().min(1), 'ten', "must be a whole number of at least 1, got 'ten'"],
    ['a list where an object belongs', z.object({ a: z.int() }), [1, 2], 'must be an object, got a list of 2'],
    ['null', z.boolean(), null, 'must be true or false, got null'],
    [
      'a word that is not of the list',
      z.enum(['alpaca', 'messages', 'text']),
      'alpacca',
      "must be one of alpaca, messages, text, got 'alpacca', did you mean 'alpaca'",
    ],
    ['a word like no other', z.enum(['alpaca', 'text']), 'zzzzzz', "must be one of alpaca, text, got 'zzzzzz'"],
    ['another constant', z.literal('all-linear'), 'all', "must be 'all-linear', got 'all'"],
    ['nothing of two kinds', z.union([z.literal('all-linear'), z.array(z.string())]), 5, "must be 'all-linear' or a list, got 5"],
    [
      'another kind of thing',
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('hub') }), z.object({ kind: z.literal('path') })]),
      { kind: 'hob' },
      "kind: must be one of hub, path, got 'hob', did you mean 'hub'",
    ],
    ['a text too long', z.string().min(1).max(5), 'lanterns', 'must have 1 to 5 characters, got 8'],
    ['an empty text', z.string().min(1).max(5), '', 'must not be empty'],
    ['a list too long', z.array(z.int()).max(2), [1, 2, 3], 'must have at most 2 items, got 3'],
    ['a time that is none', z.iso.datetime(), 'yesterday', "must be a time like 2026-02-16T12:00:00Z, got 'yesterday'"],
    ['a text of another form', z.string().regex(/^[a-z]+$/), 'A1', "must be text that matches ^[a-z]+$, got 'A1'"],
    [
      'a key of another form',
      z.record(z.string().regex(/^[A-Z_]+$/), z.string()),
      { path: 'x' },
      "path: key must be text that matches ^[A-Z_]+$, got 'path'",
    ],
    ['an uneven number', z.int().multipleOf(8), 12, 'must be a multiple of 8, got 12'],
    ['nothing', z.object({ a: z.int() }), {}, 'a: is required'],
    ['nothing where a word belongs', z.object({ a: z.enum(['x', 'y']) }), {}, 'a: is required'],
    ['a schema with its own words', z.string().refine((text) => text === 'k', 'must be k, for reasons'), 'j', 'must be k, for reasons'],
    [
      'an unknown key',
      z.strictObject({ learning_rate: z.number().optional() }),
      { learing_rate: 1 },
      "unknown key 'learing_rate', did you mean 'learning_rate'",
    ],
    [
      'an unknown key in another case',
      z.strictObject({ lora_r: z.number().optional() }),
      { LORA_R: 1 },
      "unknown key 'LORA_R', did you mean 'lora_r'",
    ],
    ['an unknown key like no other', z.strictObject({ a: z.int().optional() }), { zebra: 1 }, "unknown key 'zebra', known are a"],
  ];

  test.each(sentences)('%s', (_, schema, input, expected) => {
    expect(said(schema, input)).toEqual([expected]);
  });

  test('names the alternative that was meant by its own problems', () => {
    const schema = z.object({ target_modules: z.union([z.literal('all-linear'), z.array(z.string().min(1))]) });

    expect(said(schema, { target_modules: ['q_proj', ''] })).toEqual(['target_modules.1: must not be empty']);
  });

  test('names all problems at once, each with its path', () => {
    const schema = z.strictObject({ config: lanternSchema });

    expect(said(schema, { config: { nmae: 'x', brightness: 101, tags: ['toolong'] }, extra: 1 })).toEqual([
      'config.name: is required',
      'config.brightness: must be 1 to 100, got 101',
      'config.tags.0: must have at most 5 characters, got 7',
      "config: unknown key 'nmae', did you mean 'name'",
      "unknown key 'extra', known are config",
    ]);
  });

  test('cuts a long value at 60 characters', () => {
    expect(said(z.int(), 'x'.repeat(1_000))).toEqual([`must be a whole number, got '${'x'.repeat(60)}…'`]);
  });

  test('says nothing of a valid value', () => {
    expect(findProblems(lanternSchema, { name: 'porch' })).toEqual([]);
  });
});

describe('no input makes it throw', () => {
  test('whatever the value', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }), (input) =>
        Array.isArray(findProblems(lanternSchema, input)),
      ),
    );
  });

  test('whatever the keys', () => {
    const schema = z.strictObject({ name: z.string(), rows: z.record(z.string(), z.int()).optional() });

    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 2 }), fc.string({ unit: 'binary', maxLength: 20 }), (value, key) =>
        Array.isArray(findProblems(schema, { [key]: value, rows: { [key]: value } })),
      ),
    );
  });

  test.each([
    ['keys of Object.prototype', '{"__proto__":{"name":"x"},"constructor":1,"toString":2}'],
    ['a huge number', '{"name":"x","brightness":1e999}'],
    ['a number beyond 2^53', '{"name":"x","brightness":9007199254740993}'],
  ])('%s', (_, text) => {
    expect(said(lanternSchema, JSON.parse(text)).length).toBeGreaterThan(0);
  });

  test('a recursive schema and a value deeper than the stack', () => {
    interface Tree {
      child?: Tree | undefined;
    }
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ child: tree.optional() }));
    let value: Tree = {};
    for (let i = 0; i < 100_000; i++) value = { child: value };

    expect(said(tree, value)).toEqual(['is nested too deeply']);
  });

  test('ten thousand unknown keys: the first ten and a number', () => {
    const problems = findProblems(lanternSchema, {
      name: 'x',
      ...Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, i])),
    });

    expect(problems).toHaveLength(11);
    expect(problems.at(-1)?.message).toBe('and 9990 more unknown keys');
  });

  test('a thousand bad items: the first fifty and a number', () => {
    const problems = findProblems(z.array(z.int()), Array(1_000).fill('x'));

    expect(problems).toHaveLength(51);
    expect(problems.at(-1)?.message).toBe('and 950 more problems');
  });
});

describe('a body that is no JSON is a problem like any other', () => {
  const problems: [string, string | Buffer, string | undefined, string][] = [
    ['none', '', 'application/json', 'a JSON body is required, got none'],
    ['no content type', '{}', undefined, 'content-type must be application/json, got none'],
    [
      'a form',
      'a=1',
      'application/x-www-form-urlencoded',
      "content-type must be application/json in UTF-8, got 'application/x-www-form-urlencoded'",
    ],
    [
      'another charset',
      '{}',
      'application/json; charset=latin1',
      "content-type must be application/json in UTF-8, got 'application/json; charset=latin1'",
    ],
    ['malformed', '{"a":1,}', 'application/json', 'the body must be JSON (line 1 column 8)'],
    ['cut off', '{"a":', 'application/json', 'the body must be JSON, it ends too early'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'application/json', 'the body must be UTF-8'],
    ['a NUL', '{"a":{"b":"x\\u0000"}}', 'application/json', "must not hold NUL or half a character, got 'x\\u0000'"],
    ['half a character', '{"a":["\\ud83d"]}', 'application/json', "must not hold NUL or half a character, got '\\ud83d'"],
    ['half a character in a key', '{"\\ud83d":1}', 'application/json', "keys must not hold NUL or half a character, got '\\ud83d'"],
    ['brackets without end', '['.repeat(100_000), 'application/json', 'the body must be JSON, it ends too early'],
    ['65 levels', `${'['.repeat(66)}${']'.repeat(66)}`, 'application/json', 'must be nested at most 64 deep'],
  ];

  test.each(problems)('%s', (_, content, contentType, message) => {
    expect(parseJsonBody(content, contentType).bodyProblem?.message).toBe(message);
  });

  test.each([
    ['plain', '{"a":1}', 'application/json'],
    ['with a charset', '{"a":1}', 'application/json; charset=UTF-8'],
    ['another kind of JSON', '{"a":1}', 'application/vnd.api+json'],
    ['as bytes', Buffer.from('{"a":1}'), 'application/json'],
    ['behind a byte order mark', '\ufeff{"a":1}', 'application/json'],
  ])('JSON %s is taken', (_, content, contentType) => {
    expect(parseJsonBody(content, contentType)).toEqual({ body: { a: 1 } });
  });

  test('whole characters outside the first plane are taken', () => {
    expect(parseJsonBody('["\\ud83e\\udd9c"]', 'application/json')).toEqual({ body: ['🦜'] });
  });

  test('size is counted in bytes, before anything is parsed', () => {
    const body = 'λ'.repeat(50);

    expect(readBody(gatewayEvent({ body }), 100)).toBe(body);
    expect(() => readBody(gatewayEvent({ body }), 99)).toThrow('the body must be at most 99 bytes, got 100');
  });
});
