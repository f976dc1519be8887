/** The whole log as a text file, page by page: how far it is is said, and it can be given up. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { showCount } from '../../format/numbers.ts';
import { notify } from '../../parts/notices.tsx';
import { saveFile } from '../../parts/save-file.ts';
import { ask } from '../../plane/ask.ts';
import type { LogLine, RunLogs } from '../../plane/wire.ts';

const PAGE = 1_000;

export function LogDownload({ runId, total }: { readonly runId: string; readonly total: number }) {
  const done = useSignal<number | null>(null);
  const controller = useRef(new AbortController());
  const download = async () => {
    controller.current = new AbortController();
    done.value = 0;
    try {
      const parts: Blob[] = [];
      for (let after: number | null = 0; after !== null; ) {
        const page: RunLogs = await ask<RunLogs>(
          `/runs/${encodeURIComponent(runId)}/logs?after=${after}&limit=${PAGE}`,
          controller.current.signal,
        );
        parts.push(new Blob([page.items.map(toText).join('')]));
        done.value = page.items.at(-1)?.line ?? done.peek();
        after = page.next;
      }
      saveFile(new Blob(parts, { type: 'text/plain' }), `${runId}.log`);
    } catch (error) {
      if (!controller.current.signal.aborted) notify(error instanceof Error ? error.message : String(error), true);
    } finally {
      done.value = null;
    }
  };
  if (done.value === null) {
    return (
      <button type="button" disabled={total === 0} onClick={() => void download()}>
        Download all
      </button>
    );
  }
  return (
    <button type="button" onClick={() => controller.current.abort()}>
      {showCount(done.value)} of {showCount(total)} lines · give up
    </button>
  );
}

const toText = ({ timestamp, level, rank, message }: LogLine): string =>
  `${timestamp} ${level}${rank === 0 ? '' : ` rank ${rank}`} ${message}\n`;
