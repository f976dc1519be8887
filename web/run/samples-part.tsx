/** The same questions put to the base and to the model as it is now: what it learned, in its own words. */

import { showCount } from '../format/numbers.ts';
import { Empty } from '../parts/blank.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import type { RunDetail } from '../plane/wire.ts';

export function SamplesPart({ detail }: { readonly detail: RunDetail }) {
  const { samples } = detail;
  if (samples === null || samples.items.length === 0) {
    return (
      <Empty title="No answers yet">
        <p class="muted">The base answers before the first step, the tuned model at each evaluation and at the end.</p>
      </Empty>
    );
  }
  const hasExpected = samples.items.some(({ expected }) => expected !== null);
  return (
    <ScrollBox label="Sample answers" class="scrolling">
      <table class="plain-table samples">
        <caption class="unseen">Answers before and after, at step {samples.step}</caption>
        <thead>
          <tr>
            <th scope="col">Prompt</th>
            <th scope="col">Before: the base</th>
            <th scope="col">After: step {showCount(samples.step)}</th>
            {hasExpected && <th scope="col">Expected</th>}
          </tr>
        </thead>
        <tbody>
          {samples.items.map(({ prompt, base, tuned, expected }, index) => (
            <tr key={`${index} ${prompt}`}>
              <th scope="row">{prompt}</th>
              <td class="answer">{base}</td>
              <td class={tuned !== null && tuned.trim() === expected?.trim() ? 'answer right' : 'answer'}>
                {tuned ?? <span class="muted">not asked yet</span>}
                {tuned !== null && tuned.trim() === expected?.trim() && <span class="unseen"> as expected</span>}
              </td>
              {hasExpected && <td class="answer">{expected}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}
