/** The browser's own modal dialog: it keeps the focus inside, closes on Escape, and gives the focus back. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly isWide?: boolean;
  /** there is nothing behind it that could be gone on with */
  readonly isFirm?: boolean;
}

export function Dialog({ title, onClose, children, isWide = false, isFirm = false }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside it closes it, and so does Escape, by the browser itself
    <dialog
      ref={dialog}
      class={isWide ? 'wide' : ''}
      aria-labelledby={titleId}
      onClose={(event) => event.currentTarget.isConnected && onClose()} // it may have made way for another since
      onCancel={(event) => isFirm && event.preventDefault()}
      onClick={(event) => !isFirm && event.target === dialog.current && dialog.current?.close()}
    >
      <div class="dialog-body">
        <h2 id={titleId}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
