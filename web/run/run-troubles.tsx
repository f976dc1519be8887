/** What a person must know first: why it failed and what to do, why it waits, how it was stopped. */

import { second } from '../format/now.ts';
import { showAgo } from '../format/times.ts';
import { ScrollBox } from '../parts/scroll-box.tsx';
import type { RunDetail } from '../plane/wire.ts';
import { routeText } from '../route/route-text.ts';

export function RunTroubles({ detail }: { readonly detail: RunDetail }) {
  const { failure, waiting, stop_detail } = detail;
  return (
    <>
      {failure && (
        <section class="trouble failure" aria-label="Failure">
          <p>
            <code class="code">{failure.code}</code> <strong>{failure.message}</strong>
          </p>
          <p>
            <span class="muted">What to do: </span>
            {failure.remedy}
          </p>
          {failure.evidence.length > 0 && (
            <details open={failure.evidence.length <= 12}>
              <summary>The last {failure.evidence.length} lines of its log</summary>
              <ScrollBox class="evidence" label="The last lines of its log">
                <pre>{failure.evidence.join('\n')}</pre>
              </ScrollBox>
            </details>
          )}
          {detail.attempts.some(({ log_lines }) => log_lines > 0) && (
            <p>
              <a href={routeText(['runs', detail.id, 'log'], { at: 'error' })}>To the first error in the log</a>
            </p>
          )}
        </section>
      )}
      {waiting && (
        <section class="trouble waiting" aria-label="Waiting">
          <p>
            <strong>{waiting.sentence}</strong> <span class="muted">since {showAgo(waiting.since, second.value)}</span>
          </p>
          <p>{waiting.remedy}</p>
        </section>
      )}
      {stop_detail && !failure && (
        <section class="trouble" aria-label="Stopped">
          <p>
            <code class="code">{stop_detail.code}</code> {stop_detail.message}
          </p>
        </section>
      )}
    </>
  );
}
