import { once } from "node:events";
import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

import { Code, StatusError } from "@crib/errdefs";

import { checkPorts } from "../portforward/port.ts";
import type { PortForward, Session, StreamingServer, StreamingServerOptions } from "../types.ts";
import type { ClientRequest } from "../upgrade/client-request.ts";
import { refuse } from "../upgrade/refuse.ts";
import { createUpgradeServer } from "./http-server.ts";
import { OpenConnections } from "./open-connections.ts";
import { servePortForward } from "./serve-port-forward.ts";
import { serveSession } from "./serve-session.ts";
import { resolveSettings, type Settings } from "./settings.ts";
import { TokenStore } from "./token-store.ts";

type Kind = "exec" | "attach" | "portforward";

/** Starts serving a client. */
type Serve = (client: ClientRequest) => void;

/** A streaming server that does not listen yet. */
export function createStreamingServer(options: StreamingServerOptions): StreamingServer {
  return new TokenServer(resolveSettings(options));
}

class TokenServer implements StreamingServer {
  readonly #settings: Settings;
  readonly #tokens: TokenStore<Serve>;
  readonly #connections = new OpenConnections();
  readonly #sockets = new Set<Duplex>();
  readonly #http: Server;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#tokens = new TokenStore(settings);
    this.#http = createUpgradeServer(
      settings,
      (client) => this.#serve(client),
      (request) => this.#takeOffer(request) !== undefined,
    );
    this.#http.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  get url(): string {
    const address = this.#http.address() as AddressInfo | null;
    if (address === null)
      throw new StatusError(Code.FailedPrecondition, "naming the streaming server: it does not listen");
    const host = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return this.#settings.baseUrl ?? `${this.#settings.tls ? "https" : "http"}://${host}:${address.port}`;
  }

  async listen(): Promise<void> {
    const { host, port } = this.#settings;
    this.#http.listen({ host, port });
    await once(this.#http, "listening"); // rejects on an error
  }

  exec(session: Session): string {
    return this.#offerSession("exec", session);
  }

  attach(session: Session): string {
    return this.#offerSession("attach", session);
  }

  portForward(forward: PortForward): string {
    checkPorts(forward.ports);
    return this.#offer("portforward", (client) => servePortForward(client, forward, this.#settings, this.#connections));
  }

  async close(): Promise<void> {
    this.#tokens.clear();
    const closed = this.#http.listening ? once(this.#http, "close") : undefined;
    this.#http.close();
    this.#connections.abortAll();
    // Those that have not upgraded, or were refused and are slow to go.
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #offerSession(kind: "exec" | "attach", session: Session): string {
    checkChoice(session);
    return this.#offer(kind, (client) => serveSession(client, session, this.#settings, this.#connections));
  }

  #offer(kind: Kind, serve: Serve): string {
    const { url } = this;
    return `${url}/${kind}/${this.#tokens.add(kind, serve)}`;
  }

  #serve(client: ClientRequest): void {
    const serve = this.#takeOffer(client.request);
    const { method = "" } = client.request;
    if (serve === undefined) return refuse(client.socket, 404, "not found");
    if (method !== "GET" && method !== "POST")
      return refuse(client.socket, 405, `method ${method} is not allowed`, { Allow: "GET, POST" });
    if (this.#connections.size >= this.#settings.maxSessions) return refuse(client.socket, 503, "too many sessions");
    serve(client);
  }

  /** What the request's URL is good for. Whatever comes of it, the URL is used up. */
  #takeOffer(request: IncomingMessage): Serve | undefined {
    const [, kind = "", token = "", ...more] = (request.url ?? "").split("?", 1)[0]!.split("/");
    return more.length === 0 ? this.#tokens.take(kind, token) : undefined;
  }
}

function checkChoice(session: Session): void {
  if (session.tty && session.stderr)
    throw new StatusError(Code.InvalidArgument, "streaming a session: a terminal has no stderr");
  if (!session.stdin && !session.stdout && !session.stderr) {
    throw new StatusError(Code.InvalidArgument, "streaming a session: none of stdin, stdout and stderr is asked for");
  }
}
