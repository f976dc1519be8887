/** How much code each function loads when it starts, and how much more it can load when it is asked for something. */
import { join, relative } from 'node:path';
import type { Metafile } from 'esbuild';

export interface BundleSize {
  readonly name: string;
  /** minified, of what is loaded before the first request */
  readonly startKilobytes: number;
  /** and of all that it can ever load */
  readonly wholeKilobytes: number;
}

const KILOBYTE = 1_024;

/** @param root that paths of the metafile are relative to; @param folder of the bundles, absolute */
export function measureBundles(metafile: Metafile, names: readonly string[], root: string, folder: string): BundleSize[] {
  const bytesOf = (outputs: ReadonlySet<string>): number =>
    [...outputs].reduce((sum, path) => sum + (metafile.outputs[path]?.bytes ?? 0), 0);
  return names.map((name) => {
    const entry = relative(root, join(folder, `${name}.mjs`));
    return {
      name,
      startKilobytes: Math.round(bytesOf(closure(metafile, entry, false)) / KILOBYTE),
      wholeKilobytes: Math.round(bytesOf(closure(metafile, entry, true)) / KILOBYTE),
    };
  });
}

/** Outputs that an output imports, and those that they import. */
export function closure({ outputs }: Metafile, entry: string, withLazy: boolean): Set<string> {
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind, external } of outputs[path]?.imports ?? [])
      if (!external && (withLazy || kind !== 'dynamic-import')) visit(next);
  };
  visit(entry);
  return found;
}
