/** Everything that happened to the run, in order: the whole of its timeline. */

import { showMoment } from '../format/times.ts';
import { Loading } from '../parts/blank.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import type { LiveRun } from './live-run.ts';

export function EventsPart({ run }: { readonly run: LiveRun }) {
  const events = run.events.value;
  if (events.length === 0) return <Loading what="events" />;
  return (
    <ScrollBox label="Events" class="scrolling">
      <table class="plain-table events">
        <caption class="unseen">Events, the newest first</caption>
        <thead>
          <tr>
            <th scope="col" class="number">
              #
            </th>
            <th scope="col">Time</th>
            <th scope="col">Event</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              Attempt
            </th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {events.toReversed().map(({ sequence, timestamp, type, state, attempt, code, message }) => (
            <tr key={sequence}>
              <td class="number muted">{sequence}</td>
              <td>
                <time dateTime={timestamp}>{showMoment(timestamp)}</time>
              </td>
              <td>
                <code>{type}</code>
              </td>
              <td>
                <StateBadge state={state} />
              </td>
              <td class="number">{attempt}</td>
              <td>
                {message} {code && <code class="code">{code}</code>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}
