import { Authorizer } from "../auth/authorizer.ts";
import type { TokenTransport } from "../auth/token-request.ts";
import { BoundedMap } from "../bounded-map.ts";
import { speaksNoTls } from "../failures/socket-failure.ts";
import { statusFailure } from "../failures/status-failure.ts";
import type { Endpoint } from "../hosts/endpoint.ts";
import type { Settings } from "../settings.ts";
import { Connections } from "./connections.ts";
import { follow } from "./follow.ts";
import { Limiter } from "./limiter.ts";
import { readWhole } from "./read-body.ts";
import { type Answer, type Headers, send } from "./send.ts";

/** One GET on behalf of an endpoint. */
export interface EndpointGet {
  readonly endpoint: Endpoint;
  readonly url: URL;
  readonly headers: Headers;
  /** Whether the URL is elsewhere than the endpoint. Default false. */
  readonly isForeign?: boolean;
  /** Called when the server has been silent for a while. */
  readonly onQuiet?: () => void;
}

/** What all requests of a client share: connections, limits, tokens, and what was learned of hosts. */
export class Transport {
  readonly settings: Settings;
  readonly limiter: Limiter;
  readonly authorizer = new Authorizer();
  readonly #connections: Connections;
  /** Hosts that were found to speak plain HTTP, though TLS was tried first. */
  readonly #plainHosts = new BoundedMap<true>(1_000);

  constructor(settings: Settings, proxyEnvironment: NodeJS.ProcessEnv) {
    this.settings = settings;
    this.limiter = new Limiter(settings.requestsPerHost);
    this.#connections = new Connections(proxyEnvironment);
  }

  /** Closes all connections. */
  close(): void {
    this.#connections.close();
  }

  /** Scheme and host of an endpoint, as far as is known now. */
  originOf(endpoint: Endpoint): URL {
    const isPlain = endpoint.fallsBack && this.#plainHosts.find(endpoint.host) === true;
    return new URL(`${isPlain ? "http" : endpoint.scheme}://${endpoint.host}`);
  }

  /** Sends one GET as it is. Fails as RequestFailure. */
  async get(request: EndpointGet, signal: AbortSignal): Promise<Answer> {
    return this.#send({ ...request, method: "GET" }, signal);
  }

  /** Sends a GET to the endpoint itself: by TLS, and where that is not spoken and need not be, by plain HTTP. */
  async getFromEndpoint(request: EndpointGet, signal: AbortSignal): Promise<Answer> {
    const { endpoint, url } = request;
    if (!endpoint.fallsBack) return this.get(request, signal);
    if (url.protocol === "http:") {
      try {
        return await this.get(request, signal);
      } catch (reason) {
        // Perhaps it speaks TLS after a restart: the next try finds out.
        this.#plainHosts.delete(endpoint.host);
        throw reason;
      }
    }
    try {
      return await this.get(request, signal);
    } catch (reason) {
      if (signal.aborted || !speaksNoTls(reason)) throw reason;
    }
    const plain = new URL(url);
    plain.protocol = "http:";
    const answer = await this.get({ ...request, url: plain }, signal);
    // 400 is what a TLS server says to plain HTTP.
    if (answer.status !== 400) this.#plainHosts.set(endpoint.host, true);
    return answer;
  }

  /** Sends to the token server that an endpoint named. */
  tokenTransport(endpoint: Endpoint, origin: URL, secrets: readonly string[]): TokenTransport {
    return async (request, signal) => {
      const isForeign = (url: URL): boolean => url.hostname !== origin.hostname;
      const own = request.url.origin === origin.origin ? { ...endpoint.headers, ...request.headers } : request.headers;
      const first = await this.#send({ ...request, endpoint, headers: own, isForeign: isForeign(request.url) }, signal);
      const answer =
        request.method === "POST"
          ? first
          : await follow(first, { all: {}, own }, this.settings.redirects, async (url, headers) =>
              this.get({ endpoint, url, headers, isForeign: isForeign(url) }, signal),
            );
      if (answer.status === 200) return (await readWhole(answer, request.limitBytes)).toString();
      const { retryAfterLimitMs } = this.settings;
      throw await statusFailure(answer, { secrets, retryAfterLimitMs, isForeign: false }, signal);
    };
  }

  async #send(
    request: EndpointGet & { readonly method: "GET" | "POST"; readonly body?: string },
    signal: AbortSignal,
  ): Promise<Answer> {
    const { endpoint, url, method, headers, body, isForeign = false, onQuiet = () => undefined } = request;
    const { dialTimeoutMs } = endpoint;
    const agent = this.#connections.agent(endpoint, url, isForeign);
    const { stallMs } = this.settings;
    return send(
      { url, method, headers, agent, dialTimeoutMs, stallMs, onQuiet, ...(body !== undefined && { body }) },
      signal,
    );
  }
}
