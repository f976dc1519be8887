/** Which rows of a list of any length are in sight: only those are drawn. All rows are of one height. */
import { type Signal, useSignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** Drawn above and below what is in sight, so that a turn of the wheel meets no gap. */
const SPARE_ROWS = 8;

export interface VirtualRows {
  readonly container: RefObject<HTMLDivElement>;
  /** of the rows to draw: from the first up to, not including, the second */
  readonly range: Signal<readonly [number, number]>;
  /** Scrolls as little as is needed for a row to be seen. */
  readonly reveal: (row: number) => void;
}

/** @param headHeight of what sticks to the top of the container, in pixels */
export function useVirtualRows(count: number, rowHeight: number, headHeight = 0): VirtualRows {
  const container = useRef<HTMLDivElement>(null);
  const range = useSignal<readonly [number, number]>([0, Math.min(count, 60)]);
  useEffect(() => {
    const element = container.current;
    if (!element) return;
    const look = () => {
      const first = Math.max(0, Math.floor(element.scrollTop / rowHeight) - SPARE_ROWS);
      const last = Math.min(count, Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + SPARE_ROWS);
      const [from, to] = range.peek();
      if (from !== first || to !== last) range.value = [first, last];
    };
    look();
    element.addEventListener('scroll', look, { passive: true });
    const resizes = new ResizeObserver(look);
    resizes.observe(element);
    return () => {
      element.removeEventListener('scroll', look);
      resizes.disconnect();
    };
  }, [count, rowHeight]);
  const reveal = (row: number) => {
    const element = container.current;
    if (!element) return;
    const top = row * rowHeight;
    const room = element.clientHeight - headHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight > element.scrollTop + room) element.scrollTop = top + rowHeight - room;
  };
  return { container, range, reveal };
}
