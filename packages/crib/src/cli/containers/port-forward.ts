import { createServer, type Server, type Socket } from "node:net";
import { pipeline } from "node:stream/promises";

import type { CriClient } from "@crib/cri-client";
import { Code, StatusError } from "@crib/errdefs";
import { openPortForward, type PortForwardClient } from "@crib/streaming";

import { type EndpointOptions, withClient } from "../endpoint.ts";
import { ExitCode } from "../exit-code.ts";
import { failureLine } from "../failure-line.ts";
import { choosePod } from "../find-pod.ts";
import { takeEndSignals } from "./streams/end-signals.ts";

/** A port of this machine that leads to one of a pod. */
export interface ForwardedPort {
  /** 0 is any free one. */
  readonly local: number;
  readonly remote: number;
}

/** Reads `[LOCAL:]REMOTE`; `:REMOTE` takes any free local port. InvalidArgument for anything else. */
export function parseForwardedPort(text: string): ForwardedPort {
  const groups = /^(?:(?<local>\d{0,5}):)?(?<remote>\d{1,5})$/.exec(text)?.groups;
  const remote = Number(groups?.["remote"]);
  const local = groups?.["local"] === undefined ? remote : Number(groups["local"] || "0");
  if (remote >= 1 && remote <= 65_535 && local <= 65_535) return { local, remote };
  throw new StatusError(Code.InvalidArgument, `reading port "${text}": expected [LOCAL:]REMOTE, each from 1 to 65535`);
}

/** Listens on 127.0.0.1 and passes connections on into a pod, until it is told to end. */
export async function portForwardCommand(
  pod: string,
  ports: readonly string[],
  options: EndpointOptions,
): Promise<void> {
  const wanted = ports.map(parseForwardedPort);
  using signals = takeEndSignals();
  await withClient(options, async (client) => {
    const { items } = await client.runtime.listPodSandbox({});
    await using forward = new Forward(client, choosePod(items, pod), signals.first);
    // Tells now that the pod is not ready, rather than with the first connection.
    await forward.open();
    for (const { local, remote } of wanted) {
      const port = await forward.listen(local, remote);
      console.log(`127.0.0.1:${port} -> ${remote}`);
    }
    await new Promise<void>((resolve) => {
      if (signals.first.aborted) resolve();
      signals.first.addEventListener("abort", () => resolve());
    });
  });
  process.exitCode = ExitCode.ok;
}

class Forward implements AsyncDisposable {
  readonly #client: CriClient;
  readonly #podSandboxId: string;
  readonly #signal: AbortSignal;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #tunnel: Promise<PortForwardClient> | undefined;

  constructor(client: CriClient, podSandboxId: string, signal: AbortSignal) {
    this.#client = client;
    this.#podSandboxId = podSandboxId;
    this.#signal = signal;
  }

  /** One session for all connections; a new one when it was lost. */
  async open(): Promise<PortForwardClient> {
    this.#tunnel ??= this.#dial();
    try {
      return await this.#tunnel;
    } catch (reason) {
      this.#tunnel = undefined;
      throw reason;
    }
  }

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
  }

  async #dial(): Promise<PortForwardClient> {
    const { url } = await this.#client.runtime.portForward({ podSandboxId: this.#podSandboxId });
    const tunnel = await openPortForward(url, this.#signal);
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
      if (!this.#signal.aborted && !hasLeft) process.stderr.write(`${failureLine(reason)}\n`);
    }
  }
}
