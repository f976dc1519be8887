/** The checkpoints that are kept: to go on from, to tag, to fetch. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { minute } from '../format/now.ts';
import { showBytes, showCount, showNumber } from '../format/numbers.ts';
import { showAgo, showMoment } from '../format/times.ts';
import { Empty, Shown } from '../parts/blank.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { Checkpoint, CheckpointList, RunDetail } from '../plane/wire.ts';
import { CheckpointFiles } from './checkpoint-files.tsx';
import type { LiveRun } from './live-run.ts';
import { ResumeFromDialog } from './resume-from-dialog.tsx';
import { TagDialog } from './tag-dialog.tsx';

export function CheckpointsPart({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const list = useAnswer<CheckpointList>(`/runs/${encodeURIComponent(run.id)}/checkpoints`);
  // The timeline says when one came, went or was tagged.
  const changes = run.events.value.filter(({ type }) => type.startsWith('checkpoint-') || type === 'artifact-tagged').length;
  useEffect(() => list.refresh(), [changes]);
  return (
    <ScrollBox label="Checkpoints" class="scrolling">
      <Shown value={list.value.value} problem={list.problem.value} what="checkpoints">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No checkpoints yet">
              <p class="muted">
                The first is saved at{' '}
                {detail.parameters['save_steps']
                  ? `step ${showCount(Number(detail.parameters['save_steps']))}`
                  : 'an interval that the trainer chooses'}
                , and one at the end.
              </p>
            </Empty>
          ) : (
            <CheckpointTable run={run} detail={detail} items={items} onTagged={list.refresh} />
          )
        }
      </Shown>
    </ScrollBox>
  );
}

interface CheckpointTableProps {
  readonly run: LiveRun;
  readonly detail: RunDetail;
  readonly items: readonly Checkpoint[];
  readonly onTagged: () => void;
}

function CheckpointTable({ run, detail, items, onTagged }: CheckpointTableProps) {
  const open = useSignal<string | null>(null);
  const best = bestOf(items);
  return (
    <table class="plain-table">
      <caption class="unseen">Checkpoints, the highest step first</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            Step
          </th>
          <th scope="col">Marks</th>
          <th scope="col" class="number">
            Eval loss
          </th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col">Saved</th>
          <th scope="col">Why</th>
          <th scope="col" class="number">
            Attempt
          </th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((checkpoint, index) => {
          const { id, name, step, eval_loss, size_bytes, created_at, reason, attempt, tags, pinned, uri } = checkpoint;
          return (
            <>
              <tr key={id}>
                <th scope="row" class="number">
                  {showCount(step)}
                </th>
                <td>
                  {index === 0 && <span class="tag">last</span>}
                  {id === best && <span class="tag best">best</span>}
                  {pinned && (
                    <span class="tag" title="another run went on from it, so it is kept">
                      pinned
                    </span>
                  )}
                  {tags.map(({ value, notes, applied_at }) => (
                    <span key={applied_at} class="tag own" title={`${notes ?? ''} ${showMoment(applied_at)}`.trim()}>
                      {value}
                    </span>
                  ))}
                </td>
                <td class="number">{showNumber(eval_loss)}</td>
                <td class="number">{showBytes(size_bytes)}</td>
                <td>
                  <time title={showMoment(created_at)}>{showAgo(created_at, minute.value)}</time>
                </td>
                <td class="muted">{reason}</td>
                <td class="number">{attempt}</td>
                <td class="row-actions">
                  <button type="button" onClick={() => openDialog(<ResumeFromDialog detail={detail} checkpoint={checkpoint} />)}>
                    Resume from here
                  </button>
                  <button
                    type="button"
                    onClick={() => openDialog(<TagDialog detail={detail} artifactId={id} name={name} onTagged={onTagged} />)}
                  >
                    Tag
                  </button>
                  <button
                    type="button"
                    aria-expanded={open.value === name}
                    onClick={() => {
                      open.value = open.value === name ? null : name;
                    }}
                  >
                    Files
                  </button>
                  <CopyButton text={uri} what="URI" label="Copy URI" />
                </td>
              </tr>
              {open.value === name && (
                <tr key={`${id} files`}>
                  <td colSpan={8}>
                    <CheckpointFiles runId={run.id} name={name} />
                  </td>
                </tr>
              )}
            </>
          );
        })}
      </tbody>
    </table>
  );
}

/** The id of the one with the least eval loss; null where none was evaluated. */
function bestOf(items: readonly Checkpoint[]): string | null {
  let best: Checkpoint | null = null;
  for (const item of items) if (item.eval_loss !== null && (best?.eval_loss == null || item.eval_loss < best.eval_loss)) best = item;
  return best?.id ?? null;
}
