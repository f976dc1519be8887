/** How far an upload or a download is: one line on a terminal, a line at its end where there is none. */
import type { Session } from '../session.ts';
import { cutLine } from '../text/table.ts';
import { describeBytes, describeDuration } from '../text/words.ts';

const BAR_WIDTH = 24;
/** A terminal is drawn 10 times a second at most. */
const DRAW_MILLIS = 100;

export class TransferDisplay {
  readonly #session: Session;
  readonly #total: number;
  readonly #began = performance.now();
  #drawnAt = Number.NEGATIVE_INFINITY;
  #first: number | undefined;

  /** @param total bytes */
  constructor(session: Session, total: number) {
    this.#session = session;
    this.#total = total;
  }

  /** @param bytes how many are there by now */
  show(what: string, bytes: number): void {
    this.#first ??= bytes;
    const now = performance.now();
    const { errors } = this.#session.world;
    if (!errors.isTTY || now - this.#drawnAt < DRAW_MILLIS) return;
    this.#drawnAt = now;
    const fraction = this.#total === 0 ? 1 : Math.min(1, bytes / this.#total);
    const seconds = (now - this.#began) / 1_000;
    const perSecond = seconds > 0 ? (bytes - this.#first) / seconds : 0;
    const left = perSecond > 0 ? `  ETA ${describeDuration((this.#total - bytes) / perSecond)}` : '';
    const { green, dim } = this.#session.noteColors;
    const filled = Math.round(fraction * BAR_WIDTH);
    const bar = `${green('━'.repeat(filled))}${dim('━'.repeat(BAR_WIDTH - filled))}`;
    const line = `${bar} ${what}  ${describeBytes(bytes)} of ${describeBytes(this.#total)}  ${describeBytes(Math.round(perSecond))}/s${left}`;
    errors.write(`\r\u001b[2K${cutLine(line, errors.columns)}`);
  }

  end(): void {
    if (this.#session.world.errors.isTTY && this.#drawnAt > 0) this.#session.world.errors.write('\r\u001b[2K');
  }
}
