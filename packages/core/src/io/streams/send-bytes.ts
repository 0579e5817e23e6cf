import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";

import type { ByteSource } from "./byte-source.ts";
import type { PeerStream } from "./peer-stream.ts";
import { dataMessage } from "./stream-messages.ts";

/** Largest part that is sent at a time. */
const partBytes = 32 * 1024;

/** How long a peer that has all is given to say so, in milliseconds. */
const goodbyeMs = 2_000;

/**
 * Sends the bytes of a source to its end, as many as the peer lets it, or until the peer wants no more. Fails when the stream is cut;
 * what was not sent then is still in the source. Settles when the peer has ended its side, or has been given the time to.
 */
export async function sendBytes(stream: PeerStream, source: ByteSource, signal: AbortSignal): Promise<void> {
  const peer = new Peer(stream, signal);
  for (;;) {
    const room = await peer.room();
    const bytes = room === 0 ? undefined : await source.take(Math.min(room, partBytes), peer.over);
    if (peer.over.aborted) {
      if (bytes !== undefined) source.putBack(bytes);
      return peer.throwIfCut();
    }
    if (bytes === undefined) break;
    try {
      await stream.send(dataMessage(bytes));
    } catch (error) {
      source.putBack(bytes);
      throw error;
    }
    peer.use(bytes.length);
  }
  await stream.closeSend();
  await delay(goodbyeMs, undefined, { signal: peer.over, ref: false }).catch(() => {}); // it said so
  peer.throwIfCut();
}

/** What the other side says while it is sent to. */
class Peer {
  /** Aborted when it has ended the stream, when that was cut, or by the caller. */
  readonly over: AbortSignal;
  readonly #over = new AbortController();
  #cut: StatusError | undefined;
  #room = 0;
  #wake: (() => void) | undefined;

  constructor(stream: PeerStream, signal: AbortSignal) {
    this.over = AbortSignal.any([this.#over.signal, signal]);
    this.over.addEventListener("abort", () => this.#wake?.());
    void this.#follow(stream);
  }

  /** Settles with how many bytes can be sent once that is more than none; with 0 when it is over. */
  async room(): Promise<number> {
    while (this.#room <= 0 && !this.over.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.over.aborted ? 0 : this.#room;
  }

  use(bytes: number): void {
    this.#room -= bytes;
  }

  throwIfCut(): void {
    if (this.#cut !== undefined) throw this.#cut;
  }

  async #follow(stream: PeerStream): Promise<void> {
    try {
      for (let message = await stream.receive(); message !== undefined; message = await stream.receive()) {
        if (message.kind === "data") throw new StatusError(Code.Internal, "the peer sends data to an input");
        if (message.kind === "window") this.#room += message.bytes;
        this.#wake?.();
      }
    } catch (error) {
      this.#cut = StatusError.from(error);
    }
    this.#over.abort();
  }
}
