/** Rows from a file into the plane: the first ones are shown before anything is sent, and the plane checks every one. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { showBytes, showCount } from '../format/numbers.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { notify } from '../parts/notices.tsx';
import { closeDialog } from '../parts/open-dialog.tsx';
import { Problem } from '../parts/problem.tsx';
import { TextField } from '../parts/text-field.tsx';
import { perform } from '../plane/ask.ts';
import type { Dataset, Session } from '../plane/wire.ts';
import { nameFromFile, type PeekedRows, peekRows, peekStart } from './peek-rows.ts';
import { RowsTable } from './rows-table.tsx';
import { LINK_BYTES, REQUEST_BYTES, rowsRecipe, type SendPhase, sendLargeDataset } from './send-rows.ts';

const SHOWN_ROWS = 8;
const PHASE_WORDS: Readonly<Record<SendPhase, string>> = { checking: 'Checking …', hashing: 'Hashing …', sending: 'Sending …' };

interface UploadDialogProps {
  readonly kind: 'dataset' | 'session';
  /** @param name of a dataset its uri, `dataset:poems`; of a session its id */
  readonly onStored: (name: string) => void;
}

export function UploadDialog({ kind, onStored }: UploadDialogProps) {
  const file = useSignal<File | null>(null);
  const peeked = useSignal<PeekedRows | null>(null);
  const name = useSignal('');
  const problem = useSignal<Error | null>(null);
  const phase = useSignal<SendPhase | null>(null);
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
    if (chosen.size <= REQUEST_BYTES) peeked.value = peekRows(await chosen.text(), SHOWN_ROWS);
    else if (chosen.size <= mostBytes) peeked.value = peekStart(await chosen.slice(0, REQUEST_BYTES).text(), SHOWN_ROWS);
  };
  const mostBytes = kind === 'dataset' ? LINK_BYTES : REQUEST_BYTES;
  const size = file.value?.size ?? 0;
  const isLarge = size > REQUEST_BYTES;
  const recipe = () =>
    rowsRecipe(`/${kind}s/${encodeURIComponent(name.value.trim())}`, peeked.value?.content ?? '', file.value?.name ?? 'rows.jsonl');
  const store = (): Promise<Partial<Dataset & Session>> =>
    isLarge && file.value
      ? sendLargeDataset(name.value.trim(), file.value, (next) => {
          phase.value = next;
        })
      : perform(recipe());
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    phase.value = 'checking';
    problem.value = null;
    try {
      const { rows, format, uri, session_id } = await store();
      notify(
        rows == null
          ? `stored: ${format} rows; those past ${showBytes(REQUEST_BYTES)} are checked before training`
          : `stored: ${showCount(rows)} ${format} rows, every one checked`,
      );
      closeDialog();
      onStored(session_id ?? uri ?? '');
    } catch (error) {
      problem.value = error instanceof Error ? error : new Error(String(error));
      forgetFile();
    } finally {
      phase.value = null;
    }
  };

  return (
    <Dialog title={kind === 'dataset' ? 'Upload a data set' : 'Upload a session'} isWide onClose={closeDialog}>
      <form onSubmit={(event) => void send(event)}>
        <p>
          JSON Lines, or a JSON array up to {showBytes(REQUEST_BYTES)}; every row of one format: alpaca, messages, prompt and completion,
          preference or text. A file may also lie below the plane's data root: runs name its path.
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
        {size > mostBytes && (
          <p class="fault" role="alert">
            {showBytes(size)} are too many: this page can store at most {showBytes(mostBytes)}.
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
          {!isLarge && <CopyAs recipe={recipe} what="Upload" />}
          <span class="spring" />
          <button type="button" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={phase.value !== null || peeked.value === null || name.value.trim() === ''}>
            {phase.value === null ? 'Check and store' : PHASE_WORDS[phase.value]}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
