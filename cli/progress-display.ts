/** Live progress: one line that is drawn again on a terminal, plain lines where there is none. */
import colors from 'picocolors';
import type { JobDetail } from './sft-client.ts';

const BAR_WIDTH = 24;
/** Without a terminal a line each tenth of the way is enough to see that it moves. */
const PLAIN_LINES = 10;

export class ProgressDisplay {
  readonly #interactive: boolean;
  readonly #write: (text: string) => void;
  #lastPlain: string | number = '';
  #drawn = false;

  constructor(stream: { readonly isTTY?: boolean; write(text: string): unknown }) {
    this.#interactive = stream.isTTY === true;
    this.#write = (text) => void stream.write(text);
  }

  show(job: JobDetail): void {
    const line = describeProgress(job);
    if (this.#interactive) {
      this.#write(`\r\u001b[2K${drawBar(job)}${line}`);
      this.#drawn = true;
      return;
    }
    const { phase, phase_detail, phase_fraction, fraction = 0 } = job.progress ?? {};
    const key =
      fraction > 0 ? Math.floor(fraction * PLAIN_LINES) : `${job.status} ${phase} ${phase_detail} ${Math.floor((phase_fraction ?? 0) * 4)}`;
    if (key !== this.#lastPlain) this.#write(`${line}\n`);
    this.#lastPlain = key;
  }

  /** A line above the bar that stays. */
  print(line: string): void {
    this.end();
    this.#write(`${line}\n`);
  }

  end(): void {
    if (this.#drawn) this.#write('\r\u001b[2K');
    this.#drawn = false;
  }
}

function drawBar({ progress }: JobDetail): string {
  const filled = Math.round((progress?.fraction ?? 0) * BAR_WIDTH);
  return `${colors.green('━'.repeat(filled))}${colors.dim('━'.repeat(BAR_WIDTH - filled))} `;
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

/** `step 120/300  loss 0.021  eval 0.077  4,100 tokens/s  ETA 6 s` once it trains; before that, what it is busy with. */
export function describeProgress({ status, progress, waiting }: JobDetail): string {
  if (waiting) return `waiting: ${waiting.sentence}`;
  if (progress === null) return status === 'pending' ? 'starting the trainer' : status;
  const { phase, phase_detail, phase_fraction, step, steps, loss, eval_loss, tokens_per_second, eta_seconds } = progress;
  if (step === 0 || phase === 'publishing' || phase === 'done') {
    const percent = phase_fraction === null || phase_fraction === 0 ? '' : ` ${Math.round(phase_fraction * 100)}%`;
    return `${PHASE_WORDS[phase] ?? phase}${phase_detail === null ? '' : `: ${phase_detail}`}${percent}`;
  }
  const facts = [
    `step ${step}/${steps ?? '?'}`,
    loss === null ? null : `loss ${loss.toPrecision(3)}`,
    eval_loss === null ? null : `eval ${eval_loss.toPrecision(3)}`,
    tokens_per_second === null ? null : `${Math.round(tokens_per_second).toLocaleString('en-US')} tokens/s`,
    eta_seconds === null ? null : `ETA ${describeDuration(eta_seconds)}`,
    phase === 'training' ? null : phase,
  ];
  return facts.filter((fact) => fact !== null).join('  ');
}

export function describeDuration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`;
}
