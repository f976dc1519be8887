/** Figures and tables as people read them. */
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { drawSparkline } from '../../cli/text/curve-words.ts';
import { describeNumber } from '../../cli/text/run-words.ts';
import { cutLine, renderFacts, renderTable } from '../../cli/text/table.ts';
import { describeAge, describeBytes, describeDuration } from '../../cli/text/words.ts';

const plain = pc.createColors(false);
const painted = pc.createColors(true);

test.each([
  [0.4, '0 s'],
  [59.6, '1 min 0 s'],
  [7_260, '2 h 1 min'],
  [14 * 86_400, '14 days 0 h'],
])('%d seconds are %s', (seconds, words) => {
  expect(describeDuration(seconds)).toBe(words);
});

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_234, '1.23 kB'],
  [73_400_320, '73.4 MB'],
  [4.2e12, '4.2 TB'],
])('%d bytes are %s', (bytes, words) => {
  expect(describeBytes(bytes)).toBe(words);
});

test.each([
  [0.021312, '0.02131'],
  [1.2e-7, '1.2e-7'],
  [12_038.4, '12,038'],
])('%d is written %s', (value, words) => {
  expect(describeNumber(value)).toBe(words);
});

test('an age has its largest unit, and a clock that is ahead makes none negative', () => {
  const now = Date.parse('2026-11-25T12:00:00Z');

  expect(describeAge('2026-11-25T11:20:00Z', now)).toBe('40 min');
  expect(describeAge('2026-11-20T12:00:00Z', now)).toBe('5 days');
  expect(describeAge('2026-11-25T12:00:09Z', now)).toBe('0 s');
});

test('a table puts numbers to the right, and colours take no room', () => {
  const rows = [
    { name: 'a', size: 5 },
    { name: 'longer', size: 12_000 },
  ];

  const table = renderTable(
    rows,
    [
      { title: 'name', cell: ({ name }) => painted.red(name) },
      { title: 'size', isNumber: true, cell: ({ size }) => String(size) },
    ],
    { colors: plain },
  );

  expect(table.replaceAll('\u001b[31m', '').replaceAll('\u001b[39m', '')).toBe('NAME     SIZE\na           5\nlonger  12000');
});

test('on a terminal a long line is cut, in a pipe it is not', () => {
  expect(cutLine('0123456789', 6)).toBe('01234…');
  expect(cutLine('0123456789', undefined)).toBe('0123456789');
});

test('facts without a value are left out', () => {
  expect(
    renderFacts(
      [
        ['state', 'running'],
        ['name', null],
        ['base', ''],
      ],
      plain,
    ),
  ).toBe('  state  running');
});

test('a sparkline goes from the least to the greatest, and a flat curve is flat', () => {
  expect(drawSparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(drawSparkline([5, 5, 5])).toBe('▁▁▁');
});
