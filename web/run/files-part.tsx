/** What the run made: results with their files, each with its hash. Checkpoints have a part of their own. */

import { showBytes } from '../format/numbers.ts';
import { Empty, Shown } from '../parts/blank.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { ScrollBox } from '../parts/scroll-box.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { ArtifactList, RunDetail } from '../plane/wire.ts';
import { isFinal } from '../runs/run-facts.ts';
import { FileTable } from './file-table.tsx';
import type { LiveRun } from './live-run.ts';
import { TagDialog } from './tag-dialog.tsx';

export function FilesPart({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const artifacts = useAnswer<ArtifactList>(isFinal(detail) ? `/runs/${encodeURIComponent(run.id)}/artifacts` : null);
  if (!isFinal(detail)) {
    return (
      <Empty title="No results yet">
        <p class="muted">
          The adapter, its samples and its evaluation are stored when the run ends. What it saves on the way are checkpoints.
        </p>
      </Empty>
    );
  }
  return (
    <ScrollBox label="Files" class="scrolling">
      <Shown value={artifacts.value.value} problem={artifacts.problem.value} what="files">
        {({ items }) => {
          const results = items.filter(({ type }) => type !== 'checkpoint');
          if (results.length === 0) return <Empty title="It left no results" />;
          return results.map((artifact) => (
            <article key={artifact.id} class="artifact">
              <h3>
                {artifact.name} <span class="muted">{showBytes(artifact.size_bytes)}</span>
                {artifact.tags.map(({ value, applied_at }) => (
                  <span key={applied_at} class="tag own">
                    {value}
                  </span>
                ))}
                <span class="spring" />
                <button
                  type="button"
                  onClick={() =>
                    openDialog(<TagDialog detail={detail} artifactId={artifact.id} name={artifact.name} onTagged={artifacts.refresh} />)
                  }
                >
                  Tag
                </button>
                <CopyButton text={artifact.uri} what="URI" label="Copy URI" />
              </h3>
              <FileTable files={artifact.files} label={`Files of ${artifact.name}`} />
            </article>
          ));
        }}
      </Shown>
    </ScrollBox>
  );
}
