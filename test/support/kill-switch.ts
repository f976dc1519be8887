/** The plane's process is gone: nothing that it still tries happens. */
class Killed extends Error {}

/**
 * Counts the moments at which the plane's death leaves another world behind: after each of its side effects, and before the first one of
 * a turn. Dead before any other effect is dead after the one before it. At the chosen moment the process dies.
 */
export class KillSwitch {
  readonly #killAt: number;
  #isFirst = true;
  count = 0;
  isDead = false;

  constructor(killAt = Number.POSITIVE_INFINITY) {
    this.#killAt = killAt;
  }

  /** Time has passed since the last effect. */
  beginTurn(): void {
    this.#isFirst = true;
  }

  async guard<T>(act: () => Promise<T>): Promise<T> {
    if (this.isDead) throw new Killed();
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#step();
    }
    const result = await act();
    this.#step();
    return result;
  }

  #step(): void {
    this.count += 1;
    if (this.count >= this.#killAt) this.isDead = true;
    if (this.isDead) throw new Killed();
  }
}

/** The port with these verbs under the kill switch; reading kills nobody. */
export function guarded<Port extends object>(port: Port, verbs: readonly (keyof Port)[], killSwitch: KillSwitch): Port {
  return new Proxy(port, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const bound = (...given: unknown[]): unknown => Reflect.apply(value, target, given);
      return verbs.some((verb) => verb === name) ? (...given: unknown[]) => killSwitch.guard(async () => bound(...given)) : bound;
    },
  });
}
