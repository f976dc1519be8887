/** What an advance tells whoever paces it. */
export interface Advance {
  readonly phase: 'prepare' | 'launch' | 'poll' | 'done';
  /** come back after so many seconds, or earlier on a nudge */
  readonly waitSeconds: number;
}

/** Nothing is expected to happen by itself: a nudge will come, and this is the clock behind it. */
export const IDLE_SECONDS = 300;
