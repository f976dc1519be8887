import { showCount, showMany } from '../format/numbers.ts';
import { Empty, Shown } from '../parts/blank.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { SessionDetail, SessionList } from '../plane/wire.ts';
import { navigate } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { RowsTable } from './rows-table.tsx';
import { StoredTable } from './stored-table.tsx';
import { UploadDialog } from './upload-dialog.tsx';

export function SessionsPart({ chosen }: { readonly chosen: string | null }) {
  const list = useAnswer<SessionList>('/sessions?limit=1000');
  const upload = () =>
    openDialog(
      <UploadDialog
        kind="session"
        onStored={(id) => {
          list.refresh();
          navigate(['data', 'sessions', id]);
        }}
      />,
    );
  return (
    <section aria-label="Sessions">
      <p class="part-head">
        <span class="muted">What training-svc trains on: POST /train/lora names one by its id.</span>
        <span class="spring" />
        <button type="button" class="primary" onClick={upload}>
          Upload a session
        </button>
      </p>
      <Shown value={list.value.value} problem={list.problem.value} what="sessions">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No sessions are stored here" />
          ) : (
            <StoredTable
              caption="Sessions"
              path={['data', 'sessions']}
              chosen={chosen}
              items={items.map(({ session_id, ...item }) => ({ ...item, id: session_id }))}
            />
          )
        }
      </Shown>
      {chosen !== null && <SessionRows key={chosen} id={chosen} />}
    </section>
  );
}

function SessionRows({ id }: { readonly id: string }) {
  const session = useAnswer<SessionDetail>(`/sessions/${encodeURIComponent(id)}`);
  return (
    <article class="stored">
      <h2>
        {id}
        <span class="spring" />
        <a class="button" href={routeText(['new'], { session: id })}>
          Train on it
        </a>
      </h2>
      <Shown value={session.value.value} problem={session.problem.value} what="rows">
        {({ items, rows, uri }) =>
          rows === null ? (
            <p class="muted">
              Its rows lie at <code>{uri}</code>.
            </p>
          ) : (
            <>
              <p class="muted">
                the first {showCount(items.length)} {rows === null ? 'rows' : `of ${showMany(rows, 'row')}`}
              </p>
              <RowsTable rows={items} />
            </>
          )
        }
      </Shown>
    </article>
  );
}
