import { Code, StatusError } from "@crib/errdefs";
import { type Descriptor, formatReference, type ImageReference, parseDigest, parseReference } from "@crib/oci-spec";

import { cancelled } from "./failures/cancelled.ts";
import { BlobTransfer } from "./fetch/blob-transfer.ts";
import { fetchManifest } from "./fetch/manifest.ts";
import { choose, type FetchRequest } from "./fetch/request.ts";
import { fetchSmallBlob } from "./fetch/small-blob.ts";
import { Endpoints } from "./hosts/endpoints.ts";
import { proxyVariables } from "./http/connections.ts";
import { Transport } from "./http/transport.ts";
import { resolveSettings } from "./settings.ts";
import type {
  BlobOptions,
  BlobStream,
  FetchOptions,
  FetchedManifest,
  RegistryClient,
  RegistryOptions,
} from "./types.ts";

type Target = Pick<Descriptor, "digest" | "size">;

/**
 * Makes a client. Nothing is opened before the first call; idle connections do not keep the process alive. Proxies are those of
 * HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment, unless hosts.toml names one; loopback hosts are never proxied.
 */
export function createRegistryClient(options: RegistryOptions): RegistryClient {
  return new Client(options);
}

class Client implements RegistryClient {
  readonly #endpoints: Endpoints;
  readonly #transport: Transport;

  constructor(options: RegistryOptions) {
    this.#endpoints = new Endpoints(options.configPaths);
    this.#transport = new Transport(resolveSettings(options), proxyVariables(process.env));
  }

  async fetchManifest(given: ImageReference, options: FetchOptions, signal: AbortSignal): Promise<FetchedManifest> {
    const doing = `fetching manifest "${formatReference(given)}"`;
    const request = await this.#request(given, given.digest === undefined ? "resolve" : "pull", options, doing, signal);
    const { digest, tag = "latest" } = request.reference;
    return fetchManifest(request, { name: digest ?? tag, digest, size: undefined });
  }

  async fetchManifestByDigest(
    given: ImageReference,
    descriptor: Pick<Descriptor, "mediaType" | "digest" | "size">,
    options: FetchOptions,
    signal: AbortSignal,
  ): Promise<FetchedManifest> {
    const { digest, size } = descriptor;
    const doing = `fetching manifest "${digest}" of "${formatReference(given)}"`;
    checkTarget(descriptor, this.#transport.settings.manifestLimitBytes, doing);
    const request = await this.#request(given, "pull", options, doing, signal);
    return fetchManifest(request, { name: digest, digest, size });
  }

  async fetchSmallBlob(
    given: ImageReference,
    descriptor: Target,
    limitBytes: number,
    options: FetchOptions,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const doing = `fetching blob "${descriptor.digest}" of "${formatReference(given)}"`;
    checkTarget(descriptor, limitBytes, doing);
    return fetchSmallBlob(await this.#request(given, "pull", options, doing, signal), descriptor);
  }

  async openBlob(
    given: ImageReference,
    descriptor: Target,
    options: BlobOptions,
    signal: AbortSignal,
  ): Promise<BlobStream> {
    const doing = `fetching blob "${descriptor.digest}" of "${formatReference(given)}"`;
    checkTarget(descriptor, Number.MAX_SAFE_INTEGER, doing);
    const { offset = 0, verify = true } = options;
    if (!Number.isSafeInteger(offset) || offset < 0 || offset > descriptor.size) {
      throw new StatusError(Code.InvalidArgument, `${doing}: offset is ${offset}, expected 0 to ${descriptor.size}`);
    }
    if (offset > 0 && verify) {
      throw new StatusError(
        Code.InvalidArgument,
        `${doing}: with an offset the stream cannot be verified, expected verify false`,
      );
    }
    const transfer = new BlobTransfer(await this.#request(given, "pull", options, doing, signal), descriptor, {
      offset,
      verify,
    });
    await transfer.open();
    return transfer;
  }

  close(): void {
    this.#transport.close();
  }

  async #request(
    given: ImageReference,
    capability: "pull" | "resolve",
    options: FetchOptions,
    doing: string,
    signal: AbortSignal,
  ): Promise<FetchRequest> {
    if (signal.aborted) throw cancelled(signal, doing);
    // References become parts of paths and URLs; one that was put together by hand is checked like any other.
    const reference = parseReference(formatReference(given));
    const all = await this.#endpoints.of(reference.registry);
    const endpoints = choose(all, capability, options, doing);
    return { transport: this.#transport, reference, endpoints, options, doing, signal };
  }
}

/** Refuses what cannot be right before anything is asked. */
function checkTarget({ digest, size }: Target, limitBytes: number, doing: string): void {
  parseDigest(digest);
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new StatusError(
      Code.InvalidArgument,
      `${doing}: the descriptor's size is ${size}, expected a number of bytes`,
    );
  }
  if (size > limitBytes) {
    throw new StatusError(Code.ResourceExhausted, `${doing}: it has ${size} bytes, the limit is ${limitBytes}`);
  }
}
