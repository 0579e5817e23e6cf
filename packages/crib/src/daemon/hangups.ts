/**
 * SIGHUP asks a daemon to read its configuration again. Taken from the first moment on, since it would end the process otherwise; one
 * that comes before anybody follows is kept for whoever does.
 */
export class Hangups {
  #reload: (() => void) | undefined;
  #isKept = false;

  constructor() {
    process.on("SIGHUP", () => {
      if (this.#reload) this.#reload();
      else this.#isKept = true;
    });
  }

  /** Calls this at each signal from now on, and at once for one that came before. */
  follow(reload: () => Promise<void>): void {
    this.#reload = (): void => void reload();
    if (this.#isKept) this.#reload();
    this.#isKept = false;
  }
}
