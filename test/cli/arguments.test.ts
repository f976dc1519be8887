/** What its user types: typos are met with a suggestion, nonsense with what is allowed; both end with 2. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAILURE_ANSWER } from '../../cli/answers.ts';
import { COMMAND_TABLE } from '../../cli/command-table.ts';
import { lengthOfTime, moment } from '../../cli/option-words.ts';
import { layOver, readAssignments, readValue } from '../../cli/train/assignments.ts';
import { toAssignments } from '../../web/plane/recipe.ts';
import { callCommand } from '../support/command-line.ts';

const RUN_ID = 'run_01jd0000000000000000000000';

test.each([
  [['lss'], "unknown command 'lss', did you mean ls"],
  [['trian'], 'did you mean train'],
  [['logs', RUN_ID, '--folow'], "unknown option '--folow', did you mean --follow"],
  [['logs'], "missing required argument 'run'"],
  [['show', 'a', 'b'], 'too many arguments'],
  [['ls', '-n', '0'], "argument '0' is invalid. Must be a whole number, 1 to 1,000."],
  [['ls', '-n', 'ten'], "argument 'ten' is invalid"],
  [
    ['ls', '--state', 'runing'],
    'Must be one of created, queued, initializing, running, paused, stopping, completed, failed, stopped; did you mean running?',
  ],
  [['logs', RUN_ID, '--since', 'yesterday'], 'Must be how long ago (90s, 5m, 2h, 7d) or a time'],
  [['train', '--max-runtime', '2 hours'], 'Must be like 90s, 30m, 12h or 14d.'],
  [['train', '--lr-scheduler', 'cosin'], 'did you mean cosine?'],
  [['tag', RUN_ID, 'relase'], 'did you mean release?'],
  [['completion', 'powershell'], 'Must be one of bash, zsh, fish'],
  [['show', 'run_1'], "must be named by its id (run_01jd...) or as 'last', got 'run_1'"],
  [['show', '../../etc/passwd'], "got '../../etc/passwd'"],
  [
    ['ls', '--url', 'plane.example.com'],
    "--url must be the address of a plane, like http://127.0.0.1:8000 or https://plane.example.com, got 'plane.example.com'",
  ],
  [['ls', '--url', 'ftp://plane'], "got 'ftp://plane'"],
  [['ls', '--url', 'http://user:secret@plane'], 'without a password'],
  [['ls', '--url', 'http://127.0.0.1:1', '--profile', 'work'], '--url and --profile both name a plane'],
  [['ls', '--profile', 'wrok'], "--profile names the profile 'wrok', which is not in"],
  [['artifacts', 'donwload', RUN_ID], "unknown command 'donwload' of artifacts, did you mean download"],
  [['datasets', 'remove'], "unknown command 'remove' of datasets; there are ls, show, put"],
])('%j', async (words, sentence) => {
  const { code, output, errors } = await callCommand(words);

  expect(code).toBe(2);
  expect(output).toBe('');
  expect(errors).toContain(sentence);
  expect(errors).not.toContain('http://user:secret');
});

test('a usage error names the help that says more, and is JSON under --json', async () => {
  const { errors } = await callCommand(['logs', '--json', '--folow']);

  expect(FAILURE_ANSWER.parse(JSON.parse(errors))).toEqual({
    error: {
      code: 'usage',
      message: expect.stringContaining('--folow'),
      remedy: '"tuneplane logs --help" says what there is',
      exit_code: 2,
    },
  });
});

test('no words at all are answered with the help, and 2', async () => {
  const { code, output } = await callCommand([]);

  expect(code).toBe(2);
  for (const { name, summary } of COMMAND_TABLE) expect(output).toMatch(new RegExp(`^ {2}${name}[ |].*${summary.slice(0, 20)}`, 'm'));
});

test('list is ls, rm is delete', async () => {
  expect((await callCommand(['list', '-n', '0'])).errors).toContain('Must be a whole number');
  expect((await callCommand(['rm'])).errors).toContain("missing required argument 'run'");
});

test('the version is that of the package', async () => {
  expect(await callCommand(['--version'])).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

describe('help', () => {
  test('help <command> is <command> --help', async () => {
    expect(await callCommand(['help', 'artifacts', 'download'])).toEqual(await callCommand(['artifacts', 'download', '--help']));
  });

  test.each(COMMAND_TABLE.map(({ name }) => name))('%s says what it takes, with examples that begin with its name', async (name) => {
    const { code, output } = await callCommand([name, '--help']);

    expect(code).toBe(0);
    expect(output).toContain(`Usage: tuneplane ${name}`);
    const examples = [...output.matchAll(/^ {2}\$ tuneplane (\S+)/gm)].map(([, word]) => word);
    if (!/\nCommands:\n/.test(output)) expect(examples.length).toBeGreaterThan(0);
    for (const word of examples) expect(word).toBe(name);
  });
});

describe('values', () => {
  test.each([
    ['5', 5],
    ['1e-4', 1e-4],
    ['3_000', 3_000],
    ['true', true],
    ['null', null],
    ['[q_proj, v_proj]', ['q_proj', ' v_proj']],
    ['["a", 1]', ['a', 1]],
    ['{"node_count": 2}', { node_count: 2 }],
    ['tiny-llama', 'tiny-llama'],
    ['1.2.3', '1.2.3'],
    ['', ''],
  ])('%j reads as %j', (text, value) => {
    const read = readValue(text);
    expect(Array.isArray(read) ? read.map((item) => (typeof item === 'string' ? item.trim() : item)) : read).toEqual(
      Array.isArray(value) ? value.map((item) => (typeof item === 'string' ? item.trim() : item)) : value,
    );
  });

  test('dots lead into objects, which are merged part by part', () => {
    expect(readAssignments(['compute.node_count=2', 'compute.gpu_type=H100', 'seed=1'])).toEqual({
      compute: { node_count: 2, gpu_type: 'H100' },
      seed: 1,
    });
    expect(layOver({ compute: { node_count: 1, gpu_type: 'A100' }, list: [1, 2] }, { compute: { node_count: 2 }, list: [3] })).toEqual({
      compute: { node_count: 2, gpu_type: 'A100' },
      list: [3],
    });
  });

  test('what the dashboard copies as --set reads as the configuration that it was made of', () => {
    const leaf = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.boolean(), fc.constant(null));
    const value = fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string(), leaf));
    const name = fc.stringMatching(/^[a-z][a-z_]{0,12}$/);

    fc.assert(
      fc.property(fc.dictionary(name, value), (config) => {
        const assignments = toAssignments(config).filter((word) => word !== '--set');

        expect(readAssignments(assignments)).toEqual(JSON.parse(JSON.stringify(config)));
      }),
    );
  });

  test.each(['seed', '=1', '__proto__.x=1', 'a.__proto__=1'])("'%s' is no assignment", (assignment) => {
    expect(() => readAssignments([assignment])).toThrow(`must be name=value, got '${assignment}'`);
  });

  test('a part of what has a value of its own is refused', () => {
    expect(() => readAssignments(['seed=1', 'seed.x=2'])).toThrow('sets a part of seed');
  });

  test('lengths of time and moments, a time without an offset being of UTC', () => {
    expect([lengthOfTime('90s'), lengthOfTime('1.5h'), lengthOfTime('14d')]).toEqual([90, 5_400, 1_209_600]);
    expect(moment('2026-11-25T10:30:00')).toBe(Date.parse('2026-11-25T10:30:00Z'));
    expect(moment('2026-11-25T10:30:00+02:00')).toBe(Date.parse('2026-11-25T08:30:00Z'));
    expect(moment('2026-11-25')).toBe(Date.parse('2026-11-25T00:00:00Z'));
    expect(Math.abs(moment('5m') - (Date.now() - 300_000))).toBeLessThan(60_000);
  });
});
