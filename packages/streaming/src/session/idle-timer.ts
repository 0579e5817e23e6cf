/** Calls `onIdle` once when nothing was noted for `idleMs`. Does not keep the process alive. */
export class IdleTimer {
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs: number, onIdle: () => void) {
    this.#timer = setTimeout(() => {
      this.stop();
      onIdle();
    }, idleMs).unref();
  }

  note(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined; // a refresh would start it again
  }
}
