/**
 * A run has one colour for ever, made of its id alone: the same in the list, on its page and beside others. Twelve hues, 30° apart, in two
 * shades, each at least 3 : 1 from the page. Where two of a comparison share one, their lines differ by dashes.
 */
const HUES = 12;
const COLOURS = 2 * HUES;
/** OKLCH lightness and chroma of both shades, from the stronger to the softer. */
const SHADES = {
  light: ['0.5 0.16', '0.62 0.15'],
  dark: ['0.82 0.13', '0.68 0.14'],
} as const;

/** FNV-1a. Source: RFC 9923, section 2. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}

/** 0 to 23. */
const placeOf = (runId: string): number => hash(runId) % COLOURS;

/** For canvas and CSS alike. */
export function colourOf(runId: string, theme: 'light' | 'dark'): string {
  const place = placeOf(runId);
  return `oklch(${SHADES[theme][Math.floor(place / HUES)]} ${(25 + ((place % HUES) * 360) / HUES) % 360})`;
}

export const DASHES: readonly (readonly number[])[] = [[], [6, 4], [2, 3], [10, 3, 2, 3]];

/** The dashes of each run's line: solid for the first of a colour, another pattern for each further one. */
export function dashesOf(runIds: readonly string[]): Map<string, readonly number[]> {
  const seen = new Map<number, number>();
  return new Map(
    runIds.map((id) => {
      const count = seen.get(placeOf(id)) ?? 0;
      seen.set(placeOf(id), count + 1);
      return [id, DASHES[count % DASHES.length] ?? []];
    }),
  );
}
