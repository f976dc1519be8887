/** The first rows of a file as it was chosen, before the plane sees it. What is wrong here is said; whether all rows are right the plane decides. Pure. */
export interface PeekedRows {
  readonly rows: readonly unknown[];
  /** as JSON Lines, whichever of the two it came as */
  readonly content: string;
  /** "1,200 lines in all", or what could not be read */
  readonly note: string;
}

export function peekRows(text: string, count: number): PeekedRows {
  const trimmed = text.replace(/^\ufeff/, '');
  if (trimmed.trimStart().startsWith('[')) return peekArray(trimmed, count);
  const lines = trimmed.split('\n').filter((line) => line.trim() !== '');
  const rows: unknown[] = [];
  let fault = '';
  for (const [index, line] of lines.slice(0, count).entries()) {
    try {
      rows.push(JSON.parse(line));
    } catch {
      fault ||= `line ${index + 1} is not JSON`;
    }
  }
  return { rows, content: trimmed, note: fault || `${lines.length.toLocaleString('en')} lines in all` };
}

/** The same for the beginning of a file that is too large for one request: its last line may be cut, and no array can be read in part. */
export function peekStart(start: string, count: number): PeekedRows {
  if (start.trimStart().startsWith('['))
    return { rows: [], content: '', note: 'a JSON array of this size is not taken: make it JSON Lines' };
  return { ...peekRows(start.slice(0, start.lastIndexOf('\n') + 1), count), content: '', note: '' };
}

function peekArray(text: string, count: number): PeekedRows {
  try {
    const rows: unknown = JSON.parse(text);
    if (!Array.isArray(rows)) throw new Error('not a list');
    return {
      rows: rows.slice(0, count),
      content: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
      note: `${rows.length.toLocaleString('en')} rows in all`,
    };
  } catch {
    return { rows: [], content: text, note: 'it begins as a JSON array and does not end as one' };
  }
}

/** `My poems (2).jsonl` becomes `My-poems-2`: what the plane takes as a name. */
export const nameFromFile = (file: string): string =>
  file
    .replace(/\.(jsonl|json|ndjson)$/i, '')
    .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
    .replaceAll(/\.{2,}/g, '.')
    .replaceAll(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 128);
