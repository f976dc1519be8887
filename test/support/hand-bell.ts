import type { RunBell, RunListener } from '#ports/following.ts';

/** A bell on a clock moved by hand: a wait takes its whole time at once, unless the test lets something happen in it. */
export class HandBell implements RunBell {
  readonly waits: number[] = [];
  listening = 0;
  /** what happens while somebody waits; true: it rings */
  during: () => Promise<boolean> = async () => false;
  readonly #pass: (millis: number) => void;

  constructor(pass: (millis: number) => void) {
    this.#pass = pass;
  }

  async isFollowed(): Promise<boolean> {
    return this.listening > 0;
  }

  listen(): RunListener {
    this.listening += 1;
    return {
      next: async (millis) => {
        this.waits.push(millis);
        if (await this.during()) return true;
        this.#pass(millis);
        return false;
      },
      close: () => {
        this.listening -= 1;
      },
    };
  }
}
