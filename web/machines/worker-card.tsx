import { showMany } from '../format/numbers.ts';
import type { Worker } from '../plane/wire.ts';
import { routeText } from '../route/route-text.ts';
import { colourOf } from '../runs/run-colour.ts';
import { shortId } from '../runs/run-facts.ts';
import { shownTheme } from '../theme/theme.ts';

/** A machine: its slots with who holds them, its GPUs, and who waits. */
export function WorkerCard({ worker }: { readonly worker: Worker }) {
  const { name, provider, slots, busy, waiting, gpus, engines } = worker;
  const free = Math.max(0, slots - busy.length);
  return (
    <article class="card">
      <h3>
        {name} <span class="muted">{provider}</span>
      </h3>
      <p class="muted">
        engines: {engines.join(', ') || 'none'} · {gpus.length === 0 ? 'no GPUs' : showMany(gpus.length, 'GPU')}
      </p>
      <ul class="slots" aria-label={`${showMany(slots, 'slot')}, ${free} free`}>
        {busy.map((id) => (
          <li key={id} class="slot busy">
            <span class="swatch" style={{ background: colourOf(id, shownTheme.value) }} aria-hidden="true" />
            <a href={routeText(['runs', id])}>{shortId(id)}</a>
          </li>
        ))}
        {Array.from({ length: free }, (_, index) => (
          <li key={index} class="slot muted">
            free
          </li>
        ))}
      </ul>
      {gpus.length > 0 && (
        <ul class="slots" aria-label="GPUs">
          {gpus.map(({ index, held_by }) => (
            <li key={index} class={held_by === null ? 'slot muted' : 'slot busy'}>
              GPU {index}: {held_by === null ? 'free' : <a href={routeText(['runs', held_by])}>{shortId(held_by)}</a>}
            </li>
          ))}
        </ul>
      )}
      {waiting.length > 0 && (
        <>
          <h4>{showMany(waiting.length, 'run waits', 'runs wait')}, the oldest first</h4>
          <ol class="line">
            {waiting.map((id) => (
              <li key={id}>
                <a href={routeText(['runs', id])}>{shortId(id)}</a>
              </li>
            ))}
          </ol>
        </>
      )}
    </article>
  );
}
