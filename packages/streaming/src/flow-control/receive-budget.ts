/** Bytes that may wait for one slow reader before nothing more is read from the client. */
const maxStreamBytes = 256 * 1024;

/** Bytes that may wait for all slow readers of a connection. */
const maxConnectionBytes = 1024 * 1024;

/** What of a stream counts. */
interface Buffering {
  readonly readableLength: number;
}

/**
 * Decides when a connection must stop reading. Kubernetes clients send no WINDOW_UPDATE and heed none, so the only flow control that holds
 * them is TCP's, for all streams at once; some room per stream keeps one slow reader from stopping the others for every hiccup.
 */
export class ReceiveBudget {
  readonly #slow = new Set<Buffering>();

  /** Counts a stream as slow until `release`. */
  hold(stream: Buffering): void {
    this.#slow.add(stream);
  }

  release(stream: Buffering): void {
    this.#slow.delete(stream);
  }

  get isExhausted(): boolean {
    let total = 0;
    for (const { readableLength } of this.#slow) {
      total += readableLength;
      if (readableLength >= maxStreamBytes || total >= maxConnectionBytes) return true;
    }
    return false;
  }
}
