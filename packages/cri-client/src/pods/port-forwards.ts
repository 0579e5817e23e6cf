import { createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";

import { StatusError } from "@crib/errdefs";
import { openPortForward, type PortForwardClient } from "@crib/streaming";

import type { CriClient } from "../connect-cri.ts";

/** What `PortForwards` is given. */
export interface PortForwardsOptions {
  readonly client: CriClient;
  readonly podSandboxId: string;
  /** Ends the session with the daemon. */
  readonly signal?: AbortSignal;
  /** Told of a connection that could not be passed on; the next one is tried all the same. Default: nobody. */
  readonly onError?: (reason: unknown) => void;
}

/** Ports of 127.0.0.1 that lead into a pod: one session with the daemon for all connections, and a new one when it was lost. */
export class PortForwards implements AsyncDisposable {
  readonly #options: PortForwardsOptions;
  readonly #closing = new AbortController();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #tunnel: Promise<PortForwardClient> | undefined;

  constructor(options: PortForwardsOptions) {
    this.#options = options;
  }

  /** Opens the session, which else the first connection does. FailedPrecondition or NotFound when the pod is not ready. */
  async open(): Promise<PortForwardClient> {
    this.#tunnel ??= this.#dial();
    try {
      return await this.#tunnel;
    } catch (reason) {
      this.#tunnel = undefined;
      throw reason;
    }
  }

  /** Listens on a port of 127.0.0.1, 0 being any free one; gives its number. */
  async listen(local: number, remote: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.#pass(socket, remote));
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (reason) => reject(StatusError.from(reason, `listening on port ${local}`)));
      server.listen(local, "127.0.0.1", resolve);
    });
    const address = server.address();
    return typeof address === "object" && address ? address.port : local;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    const tunnel = await this.#tunnel?.catch(() => undefined);
    tunnel?.close();
    this.#closing.abort();
  }

  async #dial(): Promise<PortForwardClient> {
    const { client, podSandboxId, signal } = this.#options;
    const { url } = await client.runtime.portForward({ podSandboxId });
    const ends = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
    const tunnel = await openPortForward(url, ends);
    void tunnel.closed.then(() => (this.#tunnel = undefined));
    return tunnel;
  }

  async #pass(socket: Socket, remote: number): Promise<void> {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // Before there is anybody else to see it.
    socket.on("error", () => {});
    try {
      const tunnel = await this.open();
      const there = await tunnel.connect(remote);
      // Each direction ends by itself.
      await Promise.all([pipeline(socket, there, { end: true }), pipeline(there, socket, { end: true })]);
    } catch (reason) {
      socket.destroy();
      const { code } = reason as NodeJS.ErrnoException;
      const hasLeft = code === "ECONNRESET" || code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE";
      const isOver = this.#closing.signal.aborted || this.#options.signal?.aborted === true;
      if (!isOver && !hasLeft) this.#options.onError?.(reason);
    }
  }
}
