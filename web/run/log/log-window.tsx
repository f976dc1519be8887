/** A window onto lines of any number: only those in sight are drawn. It follows the end until somebody scrolls away from it. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { showMany } from '../../format/numbers.ts';
import type { LogLine } from '../../plane/wire.ts';
import { LogRow } from './log-row.tsx';
import { boxHeight, LINE_HEIGHT, scrollTo, topLine } from './log-scale.ts';

interface LogWindowProps {
  /** how many rows there are */
  readonly rows: number;
  /** the line of a row, from 0 */
  readonly lineAt: (row: number) => { readonly number: number; readonly line: LogLine | undefined };
  /** rows from the first up to, not including, the second are in sight */
  readonly onSight: (first: number, last: number) => void;
  readonly isFollowing: Signal<boolean>;
  /** the number of the line that is shown in full; null: none */
  readonly chosen: number | null;
  readonly onChoose: (number: number) => void;
  /** a row to scroll to, whenever it changes; null: none */
  readonly target: number | null;
}

const SPARE_ROWS = 12;

export function LogWindow({ rows, lineAt, onSight, isFollowing, chosen, onChoose, target }: LogWindowProps) {
  const box = useRef<HTMLElement>(null);
  const place = useSignal({ scrollTop: 0, viewport: 600 });
  const seen = useRef(rows);
  if (isFollowing.value) seen.current = rows;

  const look = () => {
    const element = box.current;
    if (element) place.value = { scrollTop: element.scrollTop, viewport: element.clientHeight };
  };
  const toEnd = () => {
    if (box.current) box.current.scrollTop = boxHeight(rows);
    look();
  };
  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    isFollowing.value = element.scrollTop + element.clientHeight >= element.scrollHeight - LINE_HEIGHT;
    look();
  };
  useLayoutEffect(() => {
    if (isFollowing.peek()) toEnd();
  }, [rows, isFollowing.value]);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const resizes = new ResizeObserver(() => (isFollowing.peek() ? toEnd() : look()));
    resizes.observe(element);
    return () => resizes.disconnect();
  }, [rows]);
  useEffect(() => {
    const element = box.current;
    if (target === null || !element) return;
    isFollowing.value = false;
    element.scrollTop = scrollTo(Math.max(0, target - 5), rows, element.clientHeight);
    look();
  }, [target]);

  const { scrollTop, viewport } = place.value;
  const top = topLine(scrollTop, rows, viewport);
  const first = Math.max(0, Math.floor(top) - SPARE_ROWS);
  const last = Math.min(rows, Math.ceil(top + viewport / LINE_HEIGHT) + SPARE_ROWS);
  useEffect(() => onSight(first, last), [first, last, rows]);

  const drawn = [];
  for (let row = first; row < last; row++) {
    const { number, line } = lineAt(row);
    drawn.push(
      <LogRow
        key={number}
        number={number}
        line={line}
        top={Math.round(scrollTop + (row - top) * LINE_HEIGHT)}
        isChosen={number === chosen}
        onChoose={onChoose}
      />,
    );
  }
  const fresh = rows - seen.current;
  return (
    <div class="log-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no mouse scrolls it by the arrow keys (WCAG 2.1.1) */}
      <section ref={box} class="log-box" tabIndex={0} aria-label="Lines of the log" onScroll={onScroll}>
        <div class="log-lines" style={{ height: `${boxHeight(rows)}px` }}>
          {drawn}
        </div>
      </section>
      {!isFollowing.value && (
        <button
          type="button"
          class="log-follow"
          onClick={() => {
            isFollowing.value = true;
          }}
        >
          {fresh > 0 ? `${showMany(fresh, 'new line')} ↓` : 'Follow the end ↓'}
        </button>
      )}
    </div>
  );
}
