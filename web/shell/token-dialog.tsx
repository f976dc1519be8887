import { useSignal } from '@preact/signals';
import { Dialog } from '../parts/dialog.tsx';
import { Field } from '../parts/field.tsx';
import { connection, reportUnlocked } from '../plane/connection.ts';
import { keepToken } from '../plane/token.ts';

/** Asks for the plane's token when it wants one. The token stays in this tab's session storage. */
export function TokenDialog() {
  const token = useSignal('');
  const { value } = connection;
  if (value.state !== 'locked') return null;
  const unlock = (event: SubmitEvent) => {
    event.preventDefault();
    if (token.value.trim() === '') return;
    keepToken(token.value.trim());
    token.value = '';
    reportUnlocked();
  };
  return (
    <Dialog title="This plane wants a token" isFirm onClose={() => {}}>
      <form onSubmit={unlock}>
        <p>It is what the plane was started with as TRAINER_API_TOKEN. It is kept for this tab only.</p>
        {value.refused && (
          <p class="fault" role="alert">
            That is not its token.
          </p>
        )}
        <Field label="Token">
          {(control) => (
            <input
              {...control}
              type="password"
              autocomplete="current-password"
              autofocus
              required
              value={token.value}
              onInput={(event) => {
                token.value = event.currentTarget.value;
              }}
            />
          )}
        </Field>
        <div class="dialog-buttons">
          <span class="spring" />
          <button type="submit" class="primary">
            Unlock
          </button>
        </div>
      </form>
    </Dialog>
  );
}
