/** A pause that something may cut short. */
export class WakeableSleep {
  readonly #interrupted: AbortSignal;
  #wake: () => void = () => {};
  #isWoken = false;

  constructor(interrupted: AbortSignal) {
    this.#interrupted = interrupted;
    interrupted.addEventListener('abort', () => this.wake(), { once: true });
  }

  /** Ends the pause, or the next one where none is. */
  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  async for(millis: number): Promise<void> {
    if (!this.#isWoken && !this.#interrupted.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, millis);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isWoken = false;
  }
}
