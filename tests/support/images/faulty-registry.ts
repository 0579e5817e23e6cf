import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

import { endAfter } from "../end-after.ts";
import type { TestImage, TestManifest } from "./image.ts";
import type { Script, SeenRequest } from "./registry-answer.ts";
import { sendAnswer, type Truth } from "./send-answer.ts";

/** How a faulty registry is to be. */
export interface FaultyRegistryOptions {
  /** Default: every request gets the truth. */
  readonly script?: Script;
  /** Makes it speak TLS. Default: plain HTTP. */
  readonly tls?: ServerOptions;
}

/** A registry on 127.0.0.1 that serves images from memory and does what its script says. */
export interface FaultyRegistry {
  /** `127.0.0.1:PORT`, as in names of images. */
  readonly host: string;
  readonly url: string;
  /** Every request so far, the oldest first. */
  readonly requests: readonly SeenRequest[];
  /** Gives an image to a repository under tags; by digest it is there too. */
  serve(repository: string, tags: readonly string[], image: TestImage): void;
  /** From now on requests are answered by this script. */
  follow(script: Script | undefined): void;
  /** Forgets what requests came in. */
  forget(): void;
  stop(): Promise<void>;
}

/** Starts one for a test; it ends with the test. */
export async function startFaultyRegistry(
  t: TestContext,
  options: FaultyRegistryOptions = {},
): Promise<FaultyRegistry> {
  const registry = new MemoryRegistry(options);
  await registry.listen();
  endAfter(t, () => registry.stop());
  return registry;
}

class MemoryRegistry implements FaultyRegistry {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #scheme: "http" | "https";
  /** By `repository reference`. */
  readonly #manifests = new Map<string, TestManifest>();
  /** By `repository digest`. */
  readonly #blobs = new Map<string, Buffer>();
  #counts = new Map<string, number>();
  #script: Script | undefined;
  #port = 0;

  constructor({ script, tls }: FaultyRegistryOptions) {
    this.#script = script;
    this.#scheme = tls ? "https" : "http";
    const answer = (request: IncomingMessage, response: ServerResponse): void => this.#answer(request, response);
    this.#server = tls ? createTlsServer(tls, answer) : createServer(answer);
    this.#server.keepAliveTimeout = 60_000;
  }

  get host(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get url(): string {
    return `${this.#scheme}://${this.host}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  serve(repository: string, tags: readonly string[], image: TestImage): void {
    for (const [digest, blob] of image.blobs) this.#blobs.set(`${repository} ${digest}`, blob);
    for (const manifest of [...image.manifests, image.top]) {
      this.#manifests.set(`${repository} ${manifest.digest}`, manifest);
    }
    for (const tag of tags) this.#manifests.set(`${repository} ${tag}`, image.top);
  }

  follow(script: Script | undefined): void {
    this.#script = script;
  }

  forget(): void {
    this.requests.length = 0;
    this.#counts = new Map();
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer(message: IncomingMessage, response: ServerResponse): void {
    // A client that goes away in the middle is what some tests are about.
    response.on("error", () => {});
    const request = this.#note(message);
    const answer = this.#script?.(request);
    sendAnswer(response, request, answer, this.#truth(request));
  }

  #note(message: IncomingMessage): SeenRequest {
    const { method = "GET", url = "/", headers } = message;
    const key = `${method} ${url}`;
    const nth = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, nth);
    const offset = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0);
    const request: SeenRequest = { method, url, headers, offset, nth, ...placeOf(url) };
    this.requests.push(request);
    return request;
  }

  #truth({ kind, repository, reference }: SeenRequest): Truth {
    if (kind === "ping") return { status: 200, headers: {}, body: Buffer.from("{}") };
    if (kind === "manifest") {
      const manifest = this.#manifests.get(`${repository} ${reference}`);
      if (manifest) {
        const headers: OutgoingHttpHeaders = {
          "content-type": manifest.mediaType,
          "docker-content-digest": manifest.digest,
        };
        return { status: 200, headers, body: manifest.bytes };
      }
    }
    const blob = kind === "blob" ? this.#blobs.get(`${repository} ${reference}`) : undefined;
    if (blob) return { status: 200, headers: { "content-type": "application/octet-stream" }, body: blob };
    const code = kind === "manifest" ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN";
    const body = Buffer.from(JSON.stringify({ errors: [{ code, message: "not here" }] }));
    return { status: 404, headers: { "content-type": "application/json" }, body };
  }
}

function placeOf(url: string): Pick<SeenRequest, "kind" | "repository" | "reference"> {
  const { pathname } = new URL(url, "http://registry");
  const found = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname);
  if (found) {
    const [, repository = "", place, reference = ""] = found;
    return { kind: place === "blobs" ? "blob" : "manifest", repository, reference: decodeURIComponent(reference) };
  }
  const kind = /^\/v2\/?$/.test(pathname) ? "ping" : pathname === "/token" ? "token" : "other";
  return { kind, repository: "", reference: "" };
}
