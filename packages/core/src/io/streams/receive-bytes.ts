import { setTimeout as delay } from "node:timers/promises";

import type { PeerStream } from "./peer-stream.ts";
import { type StreamMessage, windowMessage } from "./stream-messages.ts";

/** Bytes that a peer is let send before those sent were written, in steps; at most twice as many. */
export const windowBytes: number = 32 * 1024;

/** How long bytes that are on their way are waited for once no more are wanted, in milliseconds. */
const onTheirWayMs = 20;

/**
 * Takes the bytes of a stream to its end, no faster than `write` settles: the peer may send so many as were written. With `leaving`,
 * takes what is on its way and stops. Fails when the stream is cut, and as `write` does.
 */
export async function receiveBytes(
  stream: PeerStream,
  write: (bytes: Uint8Array) => Promise<void>,
  leaving: AbortSignal,
): Promise<void> {
  const window = new Window(stream);
  for (;;) {
    if (!leaving.aborted) window.open();
    const message = await nextUnlessLeft(stream, leaving);
    if (message === undefined) return;
    if (message.kind !== "data") continue;
    await write(message.bytes);
    window.use(message.bytes.length);
  }
}

/** Undefined at the end, and when nothing is on its way to somebody who leaves. */
async function nextUnlessLeft(stream: PeerStream, leaving: AbortSignal): Promise<StreamMessage | undefined> {
  const next = stream.receive();
  const { promise: left, resolve } = Promise.withResolvers<undefined>();
  const leave = (): void => void delay(onTheirWayMs, undefined).then(resolve);
  if (leaving.aborted) leave();
  else leaving.addEventListener("abort", leave, { once: true });
  try {
    next.catch(() => {}); // of one that was left nobody sees it
    return await Promise.race([next, left]);
  } finally {
    leaving.removeEventListener("abort", leave);
  }
}

/** What the peer may send. One update is under way at a time: a peer that reads none must not make them pile up. */
class Window {
  readonly #stream: PeerStream;
  #granted = 0;
  #owed = 0;
  #isSending = false;

  constructor(stream: PeerStream) {
    this.#stream = stream;
  }

  use(bytes: number): void {
    this.#granted -= bytes;
  }

  open(): void {
    while (this.#granted < windowBytes) {
      this.#granted += windowBytes;
      this.#owed += windowBytes;
    }
    if (!this.#isSending && this.#owed > 0) void this.#send();
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    try {
      while (this.#owed > 0) {
        const bytes = this.#owed;
        this.#owed = 0;
        await this.#stream.send(windowMessage(bytes));
      }
    } catch {
      // The stream was cut, or has ended: whoever receives learns it.
    } finally {
      this.#isSending = false;
    }
  }
}
