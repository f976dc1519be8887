/** A run's state as a mark and a word: never by colour alone. */
import type { RunState } from '../plane/wire.ts';

const MARKS: Readonly<Record<RunState, string>> = {
  created: '○',
  queued: '◔',
  initializing: '◑',
  running: '●',
  paused: '‖',
  stopping: '◧',
  completed: '✓',
  failed: '✕',
  stopped: '■',
};

const WORDS: Readonly<Record<RunState, string>> = {
  created: 'not submitted',
  queued: 'queued',
  initializing: 'starting',
  running: 'running',
  paused: 'paused',
  stopping: 'stopping',
  completed: 'completed',
  failed: 'failed',
  stopped: 'stopped',
};

export const stateWord = (state: RunState): string => WORDS[state];

/** @param detail more of it, for a tooltip: why it waits, why it failed */
export function StateBadge({ state, detail }: { readonly state: RunState; readonly detail?: string | undefined }) {
  return (
    <span class={`state state-${state}`} title={detail}>
      <span class="state-mark" aria-hidden="true">
        {MARKS[state]}
      </span>
      {WORDS[state]}
    </span>
  );
}
