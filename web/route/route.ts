import { computed, signal } from '@preact/signals';
import { parseRoute, type Route, routeText } from './route-text.ts';

const hash = signal(location.hash);
window.addEventListener('hashchange', () => {
  hash.value = location.hash;
});

export const route = computed<Route>(() => parseRoute(hash.value));

export function navigate(path: readonly string[], query?: Parameters<typeof routeText>[1]): void {
  location.hash = routeText(path, query);
}

/** Changes what the URL says of the present page, without a new entry in the history. An empty value takes a name away. */
export function setQuery(changes: Readonly<Record<string, string | null>>): void {
  const { path, query } = route.peek();
  history.replaceState(null, '', routeText(path, { ...query, ...changes }));
  hash.value = location.hash;
}
