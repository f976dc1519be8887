/** Where the page is, as text behind the `#`: the server serves one page, and what it shows is nobody's business but the browser's. */
export interface Route {
  /** `['runs', 'run_01…', 'log']` */
  readonly path: readonly string[];
  readonly query: Readonly<Record<string, string>>;
}

/** @param hash `#/runs/run_01…/log?line=7`; anything else is the start */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  return {
    path: path
      .split('/')
      .filter((part) => part !== '')
      .map(decode),
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** Empty values are left out. */
export function routeText(path: readonly string[], query: Readonly<Record<string, string | null | undefined>> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value) search.set(name, value);
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a broken escape names nothing; the page says so
  }
}
