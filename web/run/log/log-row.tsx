import type { LogLine } from '../../plane/wire.ts';
import { LINE_HEIGHT } from './log-scale.ts';

interface LogRowProps {
  /** from 1 */
  readonly number: number;
  /** undefined: it is on its way */
  readonly line: LogLine | undefined;
  /** pixels from the upper edge of the box */
  readonly top: number;
  readonly isChosen: boolean;
  readonly onChoose: (number: number) => void;
}

/** One line is one row, cut where it is longer: chosen, it is shown in full below. */
export function LogRow({ number, line, top, isChosen, onChoose }: LogRowProps) {
  return (
    <button
      type="button"
      tabIndex={-1}
      class={`log-row level-${line?.level ?? 'none'}${isChosen ? ' chosen' : ''}`}
      style={{ top: `${top}px`, height: `${LINE_HEIGHT}px` }}
      onClick={() => onChoose(number)}
    >
      <span class="log-number">{number}</span>
      <span class="log-time">{line?.timestamp.slice(11, 23) ?? ''}</span>
      <span class="log-level">{line?.level ?? ''}</span>
      <span class="log-message">{line?.message ?? '…'}</span>
    </button>
  );
}
