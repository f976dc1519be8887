/** Live progress: one line that is drawn again on a terminal, plain lines where there is none. What is printed meanwhile stays above it. */
import pc from 'picocolors';
import { cutLine } from '../text/table.ts';
import { describeDuration } from '../text/words.ts';
import type { TextStream } from '../world.ts';

/** What is shown of a run; the plane's own read of it fits. */
export interface ShownRun {
  readonly state: string;
  readonly waiting: { readonly sentence: string } | null;
  readonly progress: {
    readonly phase: string;
    readonly phase_detail: string | null;
    /** of the phase, 0 to 1 */
    readonly phase_fraction: number | null;
    readonly step: number;
    readonly steps: number | null;
    /** of the run, 0 to 1 */
    readonly fraction: number;
    readonly metrics: Readonly<Record<string, number | null>>;
    readonly eta_seconds: number | null;
  } | null;
}

const BAR_WIDTH = 24;
/** Without a terminal a line each tenth of the way is enough to see that it moves. */
const PLAIN_LINES = 10;

export class ProgressDisplay {
  readonly #stream: TextStream;
  readonly #colors: ReturnType<typeof pc.createColors>;
  #lastPlain: string | number = '';
  #line = '';
  #isDrawn = false;

  /** @param stream where the line is drawn */
  constructor(stream: TextStream, colors = pc.createColors(stream.isTTY === true)) {
    this.#stream = stream;
    this.#colors = colors;
  }

  show(run: ShownRun): void {
    const line = describeProgress(run);
    if (this.#stream.isTTY === true) {
      this.#line = cutLine(this.#drawBar(run) + line, this.#stream.columns);
      this.#draw();
      return;
    }
    const { phase, phase_detail, phase_fraction, fraction = 0 } = run.progress ?? {};
    const key =
      fraction > 0 ? Math.floor(fraction * PLAIN_LINES) : `${run.state} ${phase} ${phase_detail} ${Math.floor((phase_fraction ?? 0) * 4)}`;
    if (key !== this.#lastPlain && line !== this.#line) this.#stream.write(`${line}\n`);
    this.#lastPlain = key;
    this.#line = line;
  }

  /** A line above the bar that stays. */
  print(line: string): void {
    this.above(() => this.#stream.write(`${line}\n`));
  }

  /** Lets somebody else write to the same terminal: the bar is taken away and drawn again below. */
  above(write: () => void): void {
    const wasDrawn = this.#isDrawn;
    this.#clear();
    write();
    if (wasDrawn) this.#draw();
  }

  end(): void {
    this.#clear();
    this.#line = '';
  }

  #draw(): void {
    this.#stream.write(`\r\u001b[2K${this.#line}`);
    this.#isDrawn = true;
  }

  #clear(): void {
    if (this.#isDrawn) this.#stream.write('\r\u001b[2K');
    this.#isDrawn = false;
  }

  #drawBar({ progress }: ShownRun): string {
    const filled = Math.round((progress?.fraction ?? 0) * BAR_WIDTH);
    return `${this.#colors.green('━'.repeat(filled))}${this.#colors.dim('━'.repeat(BAR_WIDTH - filled))} `;
  }
}

/** For people: the phases of `lambdas/domain/run-folder.ts` that come before the first step, and after the last. */
const PHASE_WORDS: Readonly<Record<string, string>> = {
  sampling: 'asking the base',
  evaluating: 'evaluating the base',
  training: 'training: the first step',
  'building-base': 'base model',
  'loading-model': 'loading the model',
  'preparing-data': 'preparing data',
  publishing: 'storing the result',
};
const BEFORE_A_TRAINER = new Set(['created', 'queued', 'initializing']);

/** `step 120/300  loss 0.021  eval 0.077  4,100 tokens/s  ETA 6 s` once it trains; before that, what it is busy with. */
export function describeProgress({ state, progress, waiting }: ShownRun): string {
  if (waiting) return `waiting: ${waiting.sentence}`;
  if (progress === null) return BEFORE_A_TRAINER.has(state) ? 'starting the trainer' : state;
  if (state === 'stopping' || state === 'paused') return `${state} at step ${progress.step}`;
  const { phase, phase_detail, phase_fraction, step, steps, metrics, eta_seconds } = progress;
  if (step === 0 || phase === 'publishing' || phase === 'done') {
    const percent = phase_fraction === null || phase_fraction === 0 ? '' : ` ${Math.round(phase_fraction * 100)}%`;
    return `${PHASE_WORDS[phase] ?? phase}${phase_detail === null ? '' : `: ${phase_detail}`}${percent}`;
  }
  const { loss, eval_loss, tokens_per_second } = metrics;
  const facts = [
    `step ${step}/${steps ?? '?'}`,
    loss == null ? null : `loss ${loss.toPrecision(3)}`,
    eval_loss == null ? null : `eval ${eval_loss.toPrecision(3)}`,
    tokens_per_second == null ? null : `${Math.round(tokens_per_second).toLocaleString('en-US')} tokens/s`,
    eta_seconds === null ? null : `ETA ${describeDuration(eta_seconds)}`,
    phase === 'training' ? null : phase,
  ];
  return facts.filter((fact) => fact !== null).join('  ');
}
