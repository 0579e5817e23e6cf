import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

import { type Digest, digestOf, mediaTypes } from "@crib/oci-spec";

import { type Content, type Exchange, type Fault, serve } from "./exchange.ts";
import { type RecordedRequest, recordRequest } from "./recorded-request.ts";
import { type AuthOptions, TokenAuth } from "./token-auth.ts";

/** A descriptor of what a `FaultyRegistry` serves. */
export interface ServedDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

/** An image that is served. */
export interface ServedImage {
  readonly repository: string;
  readonly tag: string;
  readonly manifest: ServedDescriptor;
  readonly config: ServedDescriptor;
  readonly layers: readonly ServedDescriptor[];
}

/** A layer as it is to be served. */
export interface LayerSource {
  readonly bytes: Buffer;
  /** Of the uncompressed archive. Default: that of the bytes. */
  readonly diffId?: string;
  /** Default: an uncompressed OCI layer. */
  readonly mediaType?: string;
}

/** Which requests a fault is for. */
export interface Rule {
  /** Of the path without the query; a text is a part of it. */
  readonly path: string | RegExp;
  /** How often it happens. Default: always. */
  readonly times?: number;
  /** Requests that match, but are answered rightly at first. Default 0. */
  readonly after?: number;
}

/** How a `FaultyRegistry` listens. */
export interface FaultyRegistryOptions {
  /** PEM texts; with `clientCa` it wants a certificate of the client. Default: plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly clientCa?: string };
}

/**
 * A registry for tests on a free port of 127.0.0.1: serves images from memory, makes mistakes as told, and remembers what it was
 * asked. Rules are tried in the order in which they were made; what none of them wants is answered rightly.
 */
export class FaultyRegistry implements AsyncDisposable {
  /** All requests so far, token requests too. */
  readonly requests: RecordedRequest[] = [];
  readonly #server: Server;
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();
  readonly #blobs = new Map<string, Content>();
  readonly #manifests = new Map<string, Content>();
  readonly #rules: { readonly rule: Rule; readonly fault: Fault; seen: number; done: number }[] = [];
  readonly #tokens = new Set<string>();
  #auth: TokenAuth | undefined;

  private constructor({ tls }: FaultyRegistryOptions) {
    this.#scheme = tls === undefined ? "http" : "https";
    const listener: RequestListener = (request, response) => {
      // A client that breaks the connection off is not the registry's failure.
      response.on("error", () => undefined);
      recordRequest(request)
        .then(async (recorded) => this.#answer(recorded, response))
        .catch(() => response.destroy());
    };
    this.#server =
      tls === undefined
        ? createServer(listener)
        : createTlsServer(
            { ...tls, ...(tls.clientCa !== undefined && { ca: tls.clientCa, requestCert: true }) },
            listener,
          );
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** Begins to listen. */
  static async start(options: FaultyRegistryOptions = {}): Promise<FaultyRegistry> {
    const registry = new FaultyRegistry(options);
    await new Promise<void>((resolve, reject) => {
      registry.#server.once("error", reject);
      registry.#server.listen(0, "127.0.0.1", resolve);
    });
    return registry;
  }

  /** `127.0.0.1:port`, as it stands in references. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Scheme and host. */
  get origin(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** Serves a blob in every repository. */
  addBlob(bytes: Buffer, mediaType = "application/octet-stream"): ServedDescriptor {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, { bytes, mediaType, digest });
    return { mediaType, digest, size: bytes.length };
  }

  /** Serves a manifest or an index by its digest and by tags. */
  addManifest(
    repository: string,
    tags: readonly string[],
    document: object | Buffer,
    mediaType: string,
  ): ServedDescriptor {
    const bytes = Buffer.isBuffer(document) ? document : Buffer.from(JSON.stringify(document));
    const digest = digestOf(bytes);
    for (const name of [digest, ...tags]) this.#manifests.set(`${repository}/${name}`, { bytes, mediaType, digest });
    return { mediaType, digest, size: bytes.length };
  }

  /** Serves an image of this machine's platform. */
  addImage(repository: string, tag: string, layers: readonly LayerSource[], config: object = {}): ServedImage {
    const served = layers.map(({ bytes, mediaType = mediaTypes.ociLayer }) => this.addBlob(bytes, mediaType));
    const diffIds = layers.map(({ bytes, diffId }) => diffId ?? digestOf(bytes));
    const document = {
      architecture: { x64: "amd64", ia32: "386" }[process.arch as string] ?? process.arch,
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: diffIds },
    };
    const servedConfig = this.addBlob(Buffer.from(JSON.stringify(document)), mediaTypes.ociConfig);
    const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: servedConfig, layers: served };
    return {
      repository,
      tag,
      manifest: this.addManifest(repository, [tag], manifest, mediaTypes.ociManifest),
      config: servedConfig,
      layers: served,
    };
  }

  /** Wants credentials from now on. A registry whose realm is another one's `/token` takes that one's tokens. */
  requireAuth(options: AuthOptions, tokensOf: FaultyRegistry = this): void {
    this.#auth = new TokenAuth(options, this.origin, tokensOf.#tokens);
  }

  /** Makes all tokens invalid that were given so far. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** Makes a mistake in answering the requests that the rule is for. */
  script(rule: Rule, fault: Fault): this {
    this.#rules.push({ rule, fault, seen: 0, done: 0 });
    return this;
  }

  /** Forgets rules and requests. */
  reset(): void {
    this.#rules.length = 0;
    this.requests.length = 0;
  }

  /** Requests whose path has this part. */
  requestsFor(part: string): readonly RecordedRequest[] {
    return this.requests.filter(({ path }) => path.includes(part));
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  async #answer(request: RecordedRequest, response: Exchange["response"]): Promise<void> {
    this.requests.push(request);
    const match = this.#match(request.path);
    const exchange = { request, response, content: this.#find(request.path), nth: match?.done ?? 0 };
    if (match !== undefined) await match.fault(exchange);
    else if (request.path === "/token" && this.#auth !== undefined) this.#auth.giveToken(request, response);
    else if (this.#auth === undefined || this.#auth.admit(request, response)) await serve(exchange);
  }

  #match(path: string): { readonly fault: Fault; readonly done: number } | undefined {
    for (const each of this.#rules) {
      const { rule } = each;
      if (typeof rule.path === "string" ? !path.includes(rule.path) : !rule.path.test(path)) continue;
      each.seen++;
      if (each.seen <= (rule.after ?? 0) || each.done >= (rule.times ?? Number.POSITIVE_INFINITY)) continue;
      each.done++;
      return each;
    }
    return undefined;
  }

  #find(path: string): Content | undefined {
    const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(decodeURIComponent(path));
    if (match === null) return undefined;
    const [, repository = "", kind, name = ""] = match;
    return kind === "blobs" ? this.#blobs.get(name) : this.#manifests.get(`${repository}/${name}`);
  }
}
