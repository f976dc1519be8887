/**
 * Keys do what buttons and links do: an element says its own by `data-shortcut`, so that there is no second list to keep. A key of two letters
 * (`g r`) is typed one after the other.
 */
import { Dialog } from '../parts/dialog.tsx';
import { closeDialog, openDialog } from '../parts/open-dialog.tsx';

const PATIENCE_MILLIS = 1_200;

const TABLE_KEYS: readonly (readonly [string, string])[] = [
  ['↑ ↓ j k', 'walk along the rows'],
  ['Space or x', 'select a row'],
  ['Enter', 'open it'],
  ['Esc', 'close, or leave a field'],
];

export function openShortcuts(): void {
  const own = [...document.querySelectorAll<HTMLElement>('[data-shortcut]')].map(
    (element) => [element.dataset['shortcut'] ?? '', nameOf(element)] as const,
  );
  openDialog(
    <Dialog title="Keyboard shortcuts" onClose={closeDialog}>
      <dl class="keys">
        {[...own, ...TABLE_KEYS].map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>,
  );
}

const nameOf = (element: HTMLElement): string =>
  element.getAttribute('aria-label') ?? element.querySelector('.unseen')?.textContent?.trim() ?? element.textContent?.trim() ?? '';

let first = '';
let firstAt = 0;

export function listenForShortcuts(): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const { target } = event;
    if (target instanceof HTMLElement && target.closest('input, textarea, select, dialog, [popover], [contenteditable]')) {
      if (event.key === 'Escape' && target.matches('input, textarea')) target.blur();
      return;
    }
    const isSecond = first !== '' && event.timeStamp - firstAt < PATIENCE_MILLIS;
    const key = isSecond ? `${first} ${event.key}` : event.key;
    const element = find(key) ?? (isSecond ? find(event.key) : null);
    first = isSecond ? '' : event.key;
    firstAt = event.timeStamp;
    if (element === null) return;
    event.preventDefault();
    if (element.matches('input, textarea')) element.focus();
    else element.click();
  });
}

const find = (key: string): HTMLElement | null => document.querySelector<HTMLElement>(`[data-shortcut="${CSS.escape(key)}"]`);
