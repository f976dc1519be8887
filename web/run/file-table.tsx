import { showBytes } from '../format/numbers.ts';
import { CopyButton } from '../parts/copy.tsx';
import { CopyAs } from '../parts/copy-as.tsx';
import { notify } from '../parts/notices.tsx';
import { followLink } from '../parts/save-file.ts';
import { ask } from '../plane/ask.ts';
import type { FileLink, StoredFile } from '../plane/wire.ts';

export function FileTable({ files, label }: { readonly files: readonly StoredFile[]; readonly label: string }) {
  return (
    <table class="plain-table files">
      <caption class="unseen">{label}</caption>
      <thead>
        <tr>
          <th scope="col">File</th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col">SHA-256</th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {files.map(({ path, size_bytes, sha256, href }) => (
          <tr key={path}>
            <th scope="row">
              <code>{path}</code>
            </th>
            <td class="number">{showBytes(size_bytes)}</td>
            <td>
              <code title={sha256}>{sha256.slice(0, 12)}…</code>
              <CopyButton text={sha256} what="SHA-256" />
            </td>
            <td class="row-actions">
              <button type="button" onClick={() => void download(href, path)}>
                Download<span class="unseen"> {path}</span>
              </button>
              <CopyAs
                what={`Download ${path}`}
                recipe={() => ({ method: 'GET', path: href, command: ['artifacts', 'download', runOf(href), path] })}
              />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** `/runs/<run>/artifacts/…` */
const runOf = (href: string): string => decodeURIComponent(href.split('/')[2] ?? '');

/** A browser's download sends no token: the plane is asked for a link that needs none. */
async function download(href: string, path: string): Promise<void> {
  try {
    const { url } = await ask<FileLink>(`${href}?link=true`);
    followLink(url, path.slice(path.lastIndexOf('/') + 1));
  } catch (error) {
    notify(error instanceof Error ? error.message : String(error), true);
  }
}
