import type { Server } from "node:net";
import type { Duplex } from "node:stream";

import type { DescService } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";

import { defaultMaxMessageBytes } from "./frame.ts";
import { RegisteredServices } from "./registered-services.ts";
import { ServerConnection, type ServerLimits } from "./server-connection.ts";
import type { ServerOptions, ServiceHandlers, TtrpcServer } from "./types.ts";

/** A server without services or sockets yet. */
export function createTtrpcServer(options: ServerOptions = {}): TtrpcServer {
  return new TtrpcServerOnSockets({
    maxMessageBytes: options.maxMessageBytes ?? defaultMaxMessageBytes,
    maxCallsPerConnection: options.maxCallsPerConnection ?? 4_096,
    stallMs: options.stallMs ?? 1_000,
  });
}

class TtrpcServerOnSockets implements TtrpcServer {
  readonly #limits: ServerLimits;
  readonly #services = new RegisteredServices();
  readonly #listeners = new Set<Server>();
  readonly #connections = new Set<ServerConnection>();
  #closing: Promise<void> | undefined;

  constructor(limits: ServerLimits) {
    this.#limits = limits;
  }

  handle<S extends DescService>(service: S, handlers: ServiceHandlers<S>): void {
    this.#services.add(service, handlers);
  }

  serve(listenerOrSocket: Server | Duplex): void {
    if (this.#closing !== undefined)
      throw new StatusError(Code.FailedPrecondition, "serving a socket: the server is closed");
    if ("listen" in listenerOrSocket) {
      this.#listeners.add(listenerOrSocket);
      listenerOrSocket.on("connection", this.#accept);
    } else {
      this.#accept(listenerOrSocket);
    }
  }

  close(options: { readonly graceMs?: number | undefined } = {}): Promise<void> {
    return (this.#closing ??= this.#close(options.graceMs ?? 0));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #accept = (socket: Duplex): void => {
    const connection = new ServerConnection(socket, this.#services, this.#limits);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  };

  async #close(graceMs: number): Promise<void> {
    const listenersClosed = Array.from(this.#listeners, (listener) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      // A listener that is closed already says so by an error, which is what is wanted.
      listener.close(() => resolve());
      return promise;
    });
    await Promise.all(Array.from(this.#connections, (connection) => connection.close(graceMs)));
    await Promise.all(listenersClosed);
  }
}
