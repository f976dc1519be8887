/**
 * Where a line lies in a scrolled box. Browsers end a box at 17 (Firefox) to 33 million pixels; a million lines of 18 px are 18 million. So
 * above 8 million the scrollbar is in proportion, and the lines in sight are laid out from the one that it points at. Pure.
 */
export const LINE_HEIGHT = 18;
const MOST_PIXELS = 8_000_000;

export const boxHeight = (lines: number): number => Math.min(lines * LINE_HEIGHT, MOST_PIXELS);

/** The line at the upper edge, from 0, with its fraction. @param viewport height of what is in sight, in pixels */
export function topLine(scrollTop: number, lines: number, viewport: number): number {
  if (lines * LINE_HEIGHT <= MOST_PIXELS) return scrollTop / LINE_HEIGHT;
  const share = Math.min(1, scrollTop / (MOST_PIXELS - viewport));
  return share * Math.max(0, lines - viewport / LINE_HEIGHT);
}

/** How far to scroll for a line, from 0, to be at the upper edge. */
export function scrollTo(line: number, lines: number, viewport: number): number {
  if (lines * LINE_HEIGHT <= MOST_PIXELS) return line * LINE_HEIGHT;
  const last = Math.max(1, lines - viewport / LINE_HEIGHT);
  return Math.min(1, line / last) * (MOST_PIXELS - viewport);
}
