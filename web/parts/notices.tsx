/** Short words about what was just done, read aloud and gone after a while. */
import { signal } from '@preact/signals';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isProblem: boolean;
}

const SHOWN_MILLIS = 6_000;
const notices = signal<readonly Notice[]>([]);
let last = 0;

export function notify(text: string, isProblem = false): void {
  const id = ++last;
  notices.value = [...notices.peek(), { id, text, isProblem }];
  setTimeout(() => dismiss(id), isProblem ? 2 * SHOWN_MILLIS : SHOWN_MILLIS);
}

const dismiss = (id: number): void => {
  notices.value = notices.peek().filter((notice) => notice.id !== id);
};

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {notices.value.map(({ id, text, isProblem }) => (
        <p key={id} class={isProblem ? 'notice notice-problem' : 'notice'}>
          {text}
          <button type="button" class="plain" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  );
}
