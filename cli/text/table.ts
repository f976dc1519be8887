/** Columns for people. Numbers stand to the right; on a terminal what does not fit is cut, in a pipe nothing is. */
import { stripVTControlCharacters } from 'node:util';
import type { Colors } from '../session.ts';

export interface Column<Row> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** may be coloured */
  cell(row: Row): string;
}

const GAP = '  ';

const widthOf = (text: string): number => stripVTControlCharacters(text).length;

/** @param columns of the terminal; undefined: as wide as it is */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { colors, terminalColumns }: { readonly colors: Colors; readonly terminalColumns?: number | undefined },
): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map((line) => widthOf(line[index] ?? ''))));
  const lay = (texts: readonly string[]): string =>
    texts
      .map((text, index) => {
        const space = ' '.repeat(Math.max(0, (widths[index] ?? 0) - widthOf(text)));
        return columns[index]?.isNumber ? space + text : text + space;
      })
      .join(GAP)
      .trimEnd();
  const head = colors.dim(lay(columns.map(({ title }) => title.toUpperCase())));
  return [head, ...cells.map(lay)].map((line) => cutLine(line, terminalColumns)).join('\n');
}

/** Colours take no room; a line that is cut ends without them. */
export function cutLine(line: string, columns: number | undefined): string {
  if (columns === undefined || widthOf(line) <= columns) return line;
  return `${stripVTControlCharacters(line).slice(0, Math.max(0, columns - 1))}…`;
}

/** Names and values, the values under each other. */
export function renderFacts(facts: readonly (readonly [string, string | null | undefined])[], colors: Colors, indent = '  '): string {
  const shown = facts.filter((fact): fact is readonly [string, string] => fact[1] !== null && fact[1] !== undefined && fact[1] !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${indent}${colors.dim(name.padEnd(width))}  ${value}`).join('\n');
}
