/** At most one dialog is open; whoever opens one need not be there any more when it closes. */
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

const open = signal<ComponentChildren>(null);

export const openDialog = (dialog: ComponentChildren): void => {
  open.value = dialog;
};
export const closeDialog = (): void => {
  open.value = null;
};

export const OpenDialog = () => <>{open.value}</>;
