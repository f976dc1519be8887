/** The log of a run: followed while it grows, searched by the plane, each line with a link of its own. */

import { useComputed, useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { showCount, showMany } from '../../format/numbers.ts';
import { Empty } from '../../parts/blank.tsx';
import { CopyButton } from '../../parts/copy.tsx';
import { notify } from '../../parts/notices.tsx';
import { Problem } from '../../parts/problem.tsx';
import { ScrollBox } from '../../parts/scroll-box.tsx';
import type { LogLine, RunDetail } from '../../plane/wire.ts';
import { route, setQuery } from '../../route/route.ts';
import { isFinal } from '../../runs/run-facts.ts';
import type { LiveRun } from '../live-run.ts';
import { LogDownload } from './log-download.tsx';
import { findFirstError, MOST_HITS, searchLog } from './log-search.ts';
import { openLog } from './log-store.ts';
import { LogWindow } from './log-window.tsx';

const LEVELS = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];

export function LogPart({ run, detail }: { readonly run: LiveRun; readonly detail: RunDetail }) {
  const { query } = route.value;
  const total = detail.attempts.reduce((sum, { log_lines }) => sum + log_lines, 0);
  const store = useMemo(() => openLog(run.id), [run.id]);
  useEffect(() => store.stop, [store]);
  const isFollowing = useSignal(query['line'] === undefined && query['at'] === undefined && !isFinal(detail));
  const target = useSignal<number | null>(query['line'] === undefined ? null : Number(query['line']) - 1);
  const text = query['q'] ?? '';
  const level = query['level'] ?? '';
  const isSearch = text !== '' || level !== '';
  const search = useMemo(() => (isSearch ? searchLog(run.id, { text, level }) : null), [run.id, text, level]);
  useEffect(() => () => search?.stop(), [search]);
  useEffect(() => search?.goOn(total), [search, total]);
  const hits = useComputed(() => search?.hits.value ?? []);

  const showLine = (number: number) => {
    setQuery({ line: String(number), q: null, level: null, at: null });
    target.value = number - 1;
  };
  const toFirstError = async () => {
    const line = await findFirstError(run.id);
    if (line === null) notify('no line of this log is an error');
    else showLine(line);
  };
  useEffect(() => {
    if (query['at'] === 'error') void toFirstError();
  }, [query['at']]);

  void store.revision.value;
  const chosen = query['line'] === undefined ? null : Number(query['line']);
  const found = search === null ? null : hits.value;
  const chosenLine = chosen === null ? undefined : (store.line(chosen) ?? found?.find(({ line }) => line === chosen));
  return (
    <section class="log" aria-label="Log">
      <div class="log-controls">
        <input
          type="search"
          class="log-search"
          placeholder="Search the log"
          aria-label="Search the log"
          data-shortcut="/"
          value={text}
          onInput={(event) => setQuery({ q: event.currentTarget.value })}
        />
        <label class="choice">
          <span>Level at least</span>
          <select value={level} onChange={(event) => setQuery({ level: event.currentTarget.value })}>
            <option value="">any</option>
            {LEVELS.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <button type="button" data-shortcut="e" disabled={total === 0} onClick={() => void toFirstError()}>
          First error
        </button>
        <span class="spring" />
        <span class="muted" role="status">
          {search === null
            ? showMany(total, 'line')
            : `${showMany(hits.value.length, 'hit')} in ${showCount(search.through.value)} of ${showMany(total, 'line')}${search.isSearching.value ? ' …' : ''}${hits.value.length >= MOST_HITS ? ': too many, search for something rarer' : ''}`}
        </span>
        <LogDownload runId={run.id} total={total} />
      </div>
      <Problem problem={search?.problem.value ?? store.problem.value} />
      {found === null && total === 0 ? (
        <Empty title="No lines yet">
          <p class="muted">{isFinal(detail) ? 'It ended before it wrote any.' : 'They come with its first attempt.'}</p>
        </Empty>
      ) : found !== null && found.length === 0 && search?.isSearching.value === false ? (
        <Empty title="No line meets this search" />
      ) : (
        <LogWindow
          key={found === null ? 'all' : `${text} ${level}`}
          rows={found === null ? total : found.length}
          lineAt={(row) => (found === null ? { number: row + 1, line: store.line(row + 1) } : lineOf(found[row], row))}
          onSight={(first, last) => found === null && store.need(first + 1, last, total)}
          isFollowing={isFollowing}
          chosen={chosen}
          onChoose={(number) => setQuery({ line: String(number) })}
          target={found === null ? target.value : null}
        />
      )}
      {chosenLine && <FullLine line={chosenLine} onShow={found === null ? null : () => showLine(chosenLine.line)} />}
    </section>
  );
}

const lineOf = (line: LogLine | undefined, row: number) => ({ number: line?.line ?? row + 1, line });

/** @param onShow leads from a hit to its place in the whole log */
function FullLine({ line, onShow }: { readonly line: LogLine; readonly onShow: (() => void) | null }) {
  return (
    <section class="log-full" aria-label={`Line ${line.line} in full`}>
      <p class="muted">
        line {showCount(line.line)} · attempt {line.attempt} · {line.timestamp} · {line.level}
        {line.rank > 0 && ` · rank ${line.rank}`}
        <CopyButton text={line.message} what="line" />
        <CopyButton text={location.href} what="link to this line" label="Copy link" />
        <span class="spring" />
        {onShow && (
          <button type="button" onClick={onShow}>
            Show it in the log
          </button>
        )}
        <button type="button" class="plain" aria-label="Close" onClick={() => setQuery({ line: null })}>
          ✕
        </button>
      </p>
      <ScrollBox class="text-box" label="The line">
        <pre>{line.message}</pre>
      </ScrollBox>
    </section>
  );
}
