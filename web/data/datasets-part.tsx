import { showCount, showMany } from '../format/numbers.ts';
import { Empty, Shown } from '../parts/blank.tsx';
import { CopyButton } from '../parts/copy.tsx';
import { openDialog } from '../parts/open-dialog.tsx';
import { useAnswer } from '../plane/use-answer.ts';
import type { DatasetList, DatasetPreview } from '../plane/wire.ts';
import { navigate } from '../route/route.ts';
import { routeText } from '../route/route-text.ts';
import { RowsTable } from './rows-table.tsx';
import { StoredTable } from './stored-table.tsx';
import { UploadDialog } from './upload-dialog.tsx';

const PREVIEW_ROWS = 50;

export function DatasetsPart({ chosen }: { readonly chosen: string | null }) {
  const list = useAnswer<DatasetList>('/datasets?limit=1000');
  const upload = () =>
    openDialog(
      <UploadDialog
        kind="dataset"
        onStored={(uri) => {
          list.refresh();
          navigate(['data', 'datasets', uri.replace(/^dataset:/, '')]);
        }}
      />,
    );
  return (
    <section aria-label="Data sets">
      <p class="part-head">
        <span class="muted">Requests name one as dataset:name. A run keeps the rows it began with, whatever is stored later.</span>
        <span class="spring" />
        <button type="button" class="primary" onClick={upload}>
          Upload a data set
        </button>
      </p>
      <Shown value={list.value.value} problem={list.problem.value} what="data sets">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No data sets are stored here">
              <p class="muted">Runs may also name a file below the plane's data root, or a Hugging Face data set.</p>
            </Empty>
          ) : (
            <StoredTable
              caption="Data sets"
              path={['data', 'datasets']}
              chosen={chosen}
              items={items.map(({ name, ...item }) => ({ ...item, id: name }))}
            />
          )
        }
      </Shown>
      {chosen !== null && <DatasetRows key={chosen} name={chosen} />}
    </section>
  );
}

function DatasetRows({ name }: { readonly name: string }) {
  const preview = useAnswer<DatasetPreview>(`/datasets/${encodeURIComponent(name)}/preview?limit=${PREVIEW_ROWS}`);
  return (
    <article class="stored">
      <h2>
        {name} <CopyButton text={`dataset:${name}`} what="name" />
        <span class="spring" />
        <a class="button" href={routeText(['new'], { dataset: `dataset:${name}` })}>
          Train on it
        </a>
      </h2>
      <Shown value={preview.value.value} problem={preview.problem.value} what="rows">
        {({ items, rows }) => (
          <>
            <p class="muted">
              the first {showCount(items.length)} {rows === null ? 'rows' : `of ${showMany(rows, 'row')}`}
            </p>
            <RowsTable rows={items} />
          </>
        )}
      </Shown>
    </article>
  );
}
