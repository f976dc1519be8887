/** The runs that are ticked, kept while the page is open, in the order they were ticked. */
import { signal } from '@preact/signals';

export const selected = signal<readonly string[]>([]);

export function toggleSelected(id: string): void {
  const before = selected.peek();
  selected.value = before.includes(id) ? before.filter((other) => other !== id) : [...before, id];
}

export const clearSelected = (): void => {
  selected.value = [];
};
