/** A run as the documents have it, and nothing of how the plane does it: what may be asked of it, and what it then is. Pure. */

export type Standing =
  | 'created'
  | 'queued'
  | 'queued-again'
  | 'initializing'
  | 'initializing-again'
  | 'running'
  | 'paused'
  | 'stopping'
  | 'completed'
  | 'failed'
  | 'stopped';

export interface ModelledRun {
  readonly id: string;
  readonly project: string;
  /** of the unified trainer: two live runs never share one */
  readonly folder: string | null;
  standing: Standing;
  /** it trained once: from then on no API may say that it waits for its start */
  hasStarted: boolean;
  /** the trainer that is there: `launched` until it claims */
  trainer: 'none' | 'launched' | 'claimed';
  attempts: number;
  pauseAsked: boolean;
  resumeAsked: boolean;
  /** of its newest checkpoint, or that which it began from */
  savedStep: number | null;
  hasSavedItself: boolean;
  savedInAttempt: boolean;
  fruitless: number;
  isTagged: boolean;
  /** another run went on from its checkpoint */
  isPinned: boolean;
}

const MAX_FRUITLESS = 3;

export const newRun = (
  facts: Pick<ModelledRun, 'id' | 'project' | 'folder'> & { submitted: boolean; savedStep?: number | null },
): ModelledRun => ({
  id: facts.id,
  project: facts.project,
  folder: facts.folder,
  standing: facts.submitted ? 'queued' : 'created',
  hasStarted: false,
  trainer: 'none',
  attempts: 0,
  pauseAsked: false,
  resumeAsked: false,
  savedStep: facts.savedStep ?? null,
  hasSavedItself: false,
  savedInAttempt: false,
  fruitless: 0,
  isTagged: false,
  isPinned: false,
});

export const isOver = ({ standing }: ModelledRun): boolean => ['completed', 'failed', 'stopped'].includes(standing);

/** A request that is refused changes nothing. @returns whether it was taken */
type Request = (run: ModelledRun) => boolean;

export const submit: Request = (run) => {
  if (run.standing !== 'created') return false;
  run.standing = 'queued';
  return true;
};

export const stop: Request = (run) => {
  if (isOver(run) || run.standing === 'stopping') return false;
  run.standing = run.trainer === 'none' ? 'stopped' : 'stopping';
  return true;
};

export const pause: Request = (run) => {
  const isResuming = run.standing === 'paused' && run.resumeAsked;
  const isAtWork = ['initializing', 'initializing-again', 'running'].includes(run.standing) && !run.pauseAsked;
  if (!isResuming && !isAtWork) return false;
  run.pauseAsked = true;
  run.resumeAsked = false;
  return true;
};

export const resume: Request = (run) => {
  if (run.standing !== 'paused' || run.resumeAsked || run.trainer !== 'none') return false;
  run.resumeAsked = true;
  run.pauseAsked = false;
  return true;
};

/** The plane looks at it: what waits for a trainer gets one. */
export function look(run: ModelledRun): void {
  const waits = run.standing === 'queued' || run.standing === 'queued-again' || (run.standing === 'paused' && run.resumeAsked);
  if (!waits || run.trainer !== 'none') return;
  run.trainer = 'launched';
  run.attempts += 1;
  run.savedInAttempt = false;
  if (run.standing !== 'paused') run.standing = run.hasStarted ? 'initializing-again' : 'initializing';
}

/** Its trainer claims it and trains. */
export function start(run: ModelledRun): void {
  run.trainer = 'claimed';
  if (run.standing === 'stopping' || (run.standing === 'paused' && run.pauseAsked)) return;
  run.standing = 'running';
  run.hasStarted = true;
}

export function save(run: ModelledRun): void {
  run.savedStep = (run.savedStep ?? 0) + 5;
  run.hasSavedItself = true;
  run.savedInAttempt = true;
}

/** Its trainer ends by itself: stopped or paused where that was asked, else done or broken. */
export function end(run: ModelledRun, outcome: 'done' | 'broken'): void {
  const asked = run.standing === 'stopping' ? 'stopped' : run.pauseAsked ? 'paused' : null;
  run.trainer = 'none';
  if (asked === null && outcome === 'done') run.hasStarted = true;
  run.standing = asked ?? (outcome === 'done' ? 'completed' : 'failed');
}

/** Its machine is gone without a word. */
export function lose(run: ModelledRun): void {
  run.trainer = 'none';
  if (run.standing === 'stopping') {
    run.standing = 'stopped';
    return;
  }
  run.fruitless = run.savedInAttempt ? 0 : run.fruitless + 1;
  if (run.fruitless >= MAX_FRUITLESS) run.standing = 'failed';
  else if (run.pauseAsked) run.standing = 'paused';
  else {
    if (run.standing !== 'paused') run.standing = run.hasStarted ? 'queued-again' : 'queued';
    look(run);
  }
}
