/** Rows from a file into the plane: the first ones are shown before anything is sent, and the plane checks every one. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { showBytes } from '../format/numbers.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { notify } from '../parts/notices.tsx';
import { closeDialog } from '../parts/open-dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { TextField } from '../parts/text-field.tsx';
import { perform } from '../plane/ask.ts';
import type { Recipe } from '../plane/recipe.ts';
import type { Dataset, Session } from '../plane/wire.ts';
import { nameFromFile, type PeekedRows, peekRows } from './peek-rows.ts';
import { RowsTable } from './rows-table.tsx';

const MAX_BYTES = 4 * 1_048_576;
const SHOWN_ROWS = 8;

interface UploadDialogProps {
  readonly kind: 'dataset' | 'session';
  /** @param name of a dataset its uri, `dataset:poems`; of a session its id */
  readonly onStored: (name: string) => void;
}

export function UploadDialog({ kind, onStored }: UploadDialogProps) {
  const file = useSignal<File | null>(null);
  const content = useSignal('');
  const peeked = useSignal<PeekedRows | null>(null);
  const name = useSignal('');
  const problem = useSignal<Error | null>(null);
  const isBusy = useSignal(false);
  const input = useRef<HTMLInputElement>(null);

  /** A browser says nothing when the same file is chosen again, corrected meanwhile: so it must not be chosen any more. */
  const forgetFile = () => {
    if (input.current) input.current.value = '';
  };
  const choose = async (chosen: File | undefined) => {
    problem.value = null;
    peeked.value = null; // nothing can be sent until it is read
    if (!chosen) return;
    file.value = chosen;
    if (name.value === '') name.value = nameFromFile(chosen.name);
    content.value = chosen.size <= MAX_BYTES ? await chosen.text() : '';
    peeked.value = chosen.size <= MAX_BYTES ? peekRows(content.value, SHOWN_ROWS) : null;
  };
  const isTooLarge = (file.value?.size ?? 0) > MAX_BYTES;
  const path = () => `/${kind}s/${encodeURIComponent(name.value.trim())}`;
  const recipe = (): Recipe => ({
    method: 'PUT',
    path: path(),
    text: { content: peeked.value?.content ?? content.value, contentType: 'application/x-ndjson', file: file.value?.name ?? 'rows.jsonl' },
  });
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    isBusy.value = true;
    problem.value = null;
    try {
      const stored = await perform<Dataset & Session>(recipe());
      notify(`stored: ${stored.rows} ${stored.format} rows, every one checked`);
      closeDialog();
      onStored(kind === 'dataset' ? stored.uri : stored.session_id);
    } catch (error) {
      problem.value = error instanceof Error ? error : new Error(String(error));
      forgetFile();
    } finally {
      isBusy.value = false;
    }
  };

  return (
    <Dialog title={kind === 'dataset' ? 'Upload a data set' : 'Upload a session'} isWide onClose={closeDialog}>
      <form onSubmit={(event) => void send(event)}>
        <p>
          JSON Lines or a JSON array, up to {showBytes(MAX_BYTES)}, every row of one format: alpaca, messages, prompt and completion,
          preference or text. Larger files: put them below the plane's data root and name their path.
        </p>
        <Field label="File">
          {(control) => (
            <input
              {...control}
              ref={input}
              type="file"
              accept=".jsonl,.json,.ndjson"
              onChange={() => void choose(input.current?.files?.[0])}
            />
          )}
        </Field>
        <TextField
          label="Name"
          value={name}
          hint={kind === 'dataset' ? `requests will name it dataset:${name.value || '<name>'}` : 'the id of the session'}
          isRequired
        />
        {isTooLarge && (
          <p class="fault" role="alert">
            {showBytes(file.value?.size ?? 0)} are too many: at most {showBytes(MAX_BYTES)} can be stored here.
          </p>
        )}
        {peeked.value && (
          <>
            <h3>
              The first rows of {file.value?.name} <span class="muted">{peeked.value.note}</span>
            </h3>
            <RowsTable rows={peeked.value.rows} />
          </>
        )}
        <Problem problem={problem.value} />
        <div class="dialog-buttons">
          <CopyAs recipe={recipe} what="Upload" />
          <span class="spring" />
          <button type="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={isBusy.value || peeked.value === null || name.value.trim() === ''}>
            {isBusy.value ? 'Checking …' : 'Check and store'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
