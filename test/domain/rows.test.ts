import { expect, test } from 'vitest';
import { checkRows } from '#domain/rows.ts';

test.each([
  ['alpaca', '{"instruction":"a","input":"","output":"b"}'],
  ['messages', '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'],
  ['prompt_completion', '{"prompt":"a","completion":"b"}'],
  ['trajectory_completion', '{"trajectory":[{"role":"user","content":"a"}],"prompt":"a","completion":"b"}'],
  ['preference', '{"prompt":"a","chosen":"b","rejected":"c"}'],
  ['text', '{"text":"a"}'],
])('knows %s rows by the first', (format, line) => {
  expect(checkRows(`${line}\n\n${line}\n`)).toMatchObject({ format, problems: [], rows: [{}, {}] });
});

test('names every bad row by its line, and never quotes it', () => {
  const { problems } = checkRows(
    [
      '{"instruction":"secret","output":"b"}',
      '',
      'not JSON',
      '[1]',
      '{"instruction":"secret"}',
      '{"instruction":"secret","output":" "}',
    ].join('\n'),
  );

  expect(problems).toEqual([
    { path: 'line 3', message: 'must be JSON' },
    { path: 'line 4', message: 'must be a JSON object' },
    { path: 'line 5', message: 'output is missing' },
    { path: 'line 6', message: 'output must not be empty' },
  ]);
});

test('a preference needs two answers that differ', () => {
  expect(checkRows('{"prompt":"a","chosen":"b","rejected":"b"}').problems).toEqual([
    { path: 'line 1', message: 'has the same chosen and rejected' },
  ]);
});

test('lists at most 20 bad rows and counts the rest', () => {
  const { problems } = checkRows('{"x":1}\n'.repeat(100));

  expect(problems).toHaveLength(21);
  expect(problems.at(-1)?.message).toBe('and 80 more bad rows');
});

test.each(['', '\n\n'])('%j holds no row', (content) => {
  expect(checkRows(content).problems).toEqual([{ path: '', message: 'must hold at least one row, got none' }]);
});
