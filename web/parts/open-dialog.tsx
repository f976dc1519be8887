/** At most one dialog is open; whoever opens one need not be there any more when it closes. */
import { signal } from '@preact/signals';
import { type ComponentChildren, Fragment } from 'preact';

const open = signal<ComponentChildren>(null);
let opened = 0;

export const openDialog = (dialog: ComponentChildren): void => {
  opened += 1; // each gets an element of its own: the last one's may be closed, with its event still on the way
  open.value = <Fragment key={opened}>{dialog}</Fragment>;
};
export const closeDialog = (): void => {
  open.value = null;
};

export const OpenDialog = () => <>{open.value}</>;
