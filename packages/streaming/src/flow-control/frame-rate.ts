/** Control frames that a client may send in a second; a busy kubectl port-forward needs some hundreds. */
const maxFramesPerSecond = 4000;

const windowMs = 1000;

/** Notices clients that make the server work without moving any data, such as by opening and resetting streams all the time. */
export class FrameRate {
  #frames = 0;
  #windowStart = 0;

  /** Counts a frame. Gives the milliseconds to wait before reading on, 0 for none. */
  note(now: number): number {
    if (now - this.#windowStart >= windowMs) {
      this.#windowStart = now;
      this.#frames = 0;
    }
    this.#frames++;
    return this.#frames > maxFramesPerSecond ? windowMs - (now - this.#windowStart) : 0;
  }
}
