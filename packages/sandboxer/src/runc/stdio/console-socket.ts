import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { StatusError } from "@crib/errdefs";
import { receiveDescriptor } from "@crib/linux";

let count = 0;

/** A socket that an OCI runtime sends the master of a new terminal to (`--console-socket`). */
export class ConsoleSocket implements Disposable {
  readonly path: string;
  readonly #server: Server;
  readonly #connected = Promise.withResolvers<Socket>();

  private constructor(path: string) {
    this.path = path;
    // Whoever reads the socket as a stream loses the descriptor, so nobody does.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      socket.on("error", () => undefined);
      this.#connected.resolve(socket);
    });
  }

  /** Listens in a directory, which only this service may use. */
  static async listen(directory: string): Promise<ConsoleSocket> {
    const socket = new ConsoleSocket(join(directory, `c${++count}`));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.#server.once("error", (error) => reject(StatusError.from(error, `listening at "${socket.path}"`)));
    socket.#server.listen(socket.path, resolve);
    await promise;
    return socket;
  }

  /** The descriptor of the terminal's master, the caller's to close; rejects with the signal's reason when it does not come. */
  async receive(signal: AbortSignal): Promise<number> {
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      using connection = new DisposableStack();
      const socket = await Promise.race([this.#connected.promise, aborted.promise]);
      connection.defer(() => socket.destroy());
      return await receiveDescriptor(socket, signal);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  [Symbol.dispose](): void {
    this.#server.close();
    void this.#connected.promise.then((socket) => socket.destroy());
    rmSync(this.path, { force: true });
  }
}
