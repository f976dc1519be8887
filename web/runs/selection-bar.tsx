/** What can be done with the runs that are ticked. */
import { showMany } from '../format/numbers.ts';
import { copyText } from '../parts/copy.tsx';
import { routeText } from '../route/route-text.ts';
import { clearSelected, selected } from './selection.ts';

export const MAX_COMPARED = 20;

export function SelectionBar() {
  const ids = selected.value;
  if (ids.length === 0) return null;
  return (
    <section class="selection" aria-label="Selected runs">
      <strong>{showMany(ids.length, 'run')} selected</strong>
      {ids.length > 1 && ids.length <= MAX_COMPARED && (
        <a class="button primary" href={routeText(['compare'], { runs: ids.join(',') })}>
          Compare
        </a>
      )}
      {ids.length === 1 && <span class="muted">select another one to compare</span>}
      {ids.length > MAX_COMPARED && <span class="muted">at most {MAX_COMPARED} can be compared</span>}
      <button type="button" onClick={() => void copyText(ids.join('\n'), showMany(ids.length, 'id'))}>
        Copy ids
      </button>
      <button type="button" onClick={clearSelected}>
        Clear
      </button>
    </section>
  );
}
