/**
 * Loads pass together; what must see no half-made load, or must not lose rows that arrive meanwhile (a backup, the rebuilding
 * of a summary), passes alone. One gate for the process, which has one store. Those who wait to pass alone go first, so that
 * a steady stream of loads does not keep them out.
 */
export class LoadGate {
  #together = 0;
  #alone = false;
  readonly #waitingTogether: (() => void)[] = [];
  readonly #waitingAlone: (() => void)[] = [];

  /** Runs `work` beside other loads. */
  async together<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alone || this.#waitingAlone.length > 0)
      await new Promise<void>((enter) => this.#waitingTogether.push(enter));
    else this.#together++;
    try {
      return await work();
    } finally {
      this.#together--;
      this.#admit();
    }
  }

  /** Runs `work` while no load runs. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#alone || this.#together > 0) await new Promise<void>((enter) => this.#waitingAlone.push(enter));
    else this.#alone = true;
    try {
      return await work();
    } finally {
      this.#alone = false;
      this.#admit();
    }
  }

  /** Whoever is let in is counted here, so that nobody slips in between. */
  #admit(): void {
    if (this.#alone || this.#together > 0) return;
    const alone = this.#waitingAlone.shift();
    if (alone !== undefined) {
      this.#alone = true;
      alone();
      return;
    }
    for (const enter of this.#waitingTogether.splice(0)) {
      this.#together++;
      enter();
    }
  }
}

export const loadGate = new LoadGate();
