import type { Descriptor, ImageReference } from "@crib/oci-spec";

/** What a caller knows to prove who it is. Never logged, never part of an error, never kept on disk. */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** Exchanged at the token server for an access token (OAuth2 refresh token). */
  | { readonly kind: "identity-token"; readonly token: string }
  /** Sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

/**
 * Gives the credentials for a registry's host (`host[:port]`, `docker.io` for the default one), or undefined. The repository
 * is for stores that have several for one host. A mirror is looked up by its own host.
 */
export type FindCredentials = (host: string, repository?: string) => Promise<Credentials | undefined>;

/** What is common to all requests of one pull. */
export interface FetchOptions {
  /** Default: anonymous. */
  readonly credentials?: FindCredentials;
  /** Hosts (as in `source`) that served something wrong and are asked no more. Default: none. */
  readonly skipHosts?: ReadonlySet<string>;
}

/** A manifest or an index as a registry gave it; the bytes hash to the descriptor's digest. */
export interface FetchedManifest {
  readonly descriptor: Pick<Descriptor, "mediaType" | "digest" | "size">;
  readonly bytes: Buffer;
  /** The host that gave it, `host[:port]` of the mirror or registry. */
  readonly source: string;
}

/** Where in a blob to begin, and who checks it. */
export interface BlobOptions extends FetchOptions {
  /** First byte wanted. Default 0. */
  readonly offset?: number;
  /**
   * Whether the stream fails with DataLoss at its end when size or digest are wrong. Default true. With an offset it must be
   * false: the caller then hashes the whole. The size is always checked.
   */
  readonly verify?: boolean;
}

/**
 * The bytes of a blob as they come in, once. Interrupted transfers are resumed; chunks are valid until the next is asked for. A
 * stream that is not read holds its connection until the signal is aborted.
 */
export interface BlobStream extends AsyncIterable<Buffer> {
  /** The host that gave the last chunk, or will give the first; it changes when another mirror takes over. */
  readonly source: string;
  /**
   * The offset that the first byte has: the one asked for, or 0 where no host gives parts of blobs. Known before the first
   * chunk is taken.
   */
  readonly offset: number;
}

/**
 * Reads from registries; stores nothing. One client keeps connections, tokens and limits per host, so a process has one.
 * Errors: NotFound (no such name or blob), Unauthenticated, PermissionDenied, Unavailable (all tries failed; the message has
 * the last reason of each host), ResourceExhausted (too many requests, or an answer larger than it may be), DataLoss (wrong
 * digest or size), InvalidArgument (an answer that is not what the protocol says), FailedPrecondition (a mistake in the
 * configuration of hosts), Canceled or DeadlineExceeded (the signal). When several hosts failed, the code is that of the
 * last one. Messages never hold credentials, tokens or query strings.
 */
export interface RegistryClient {
  /** Fetches the manifest or index that a reference names, from the first mirror that has it. */
  fetchManifest(reference: ImageReference, options: FetchOptions, signal: AbortSignal): Promise<FetchedManifest>;
  /** Fetches a manifest by its descriptor, as found in an index; its size and digest are checked. */
  fetchManifestByDigest(
    reference: ImageReference,
    descriptor: Pick<Descriptor, "mediaType" | "digest" | "size">,
    options: FetchOptions,
    signal: AbortSignal,
  ): Promise<FetchedManifest>;
  /** Fetches a small blob (a config) into memory, checked. `limitBytes` refuses larger ones before anything is read. */
  fetchSmallBlob(
    reference: ImageReference,
    descriptor: Pick<Descriptor, "digest" | "size">,
    limitBytes: number,
    options: FetchOptions,
    signal: AbortSignal,
  ): Promise<Buffer>;
  /** Opens a blob as a stream. Leaving the loop early, or the signal, ends the transfer. */
  openBlob(
    reference: ImageReference,
    descriptor: Pick<Descriptor, "digest" | "size">,
    options: BlobOptions,
    signal: AbortSignal,
  ): Promise<BlobStream>;
  /** Closes idle connections. */
  close(): void;
}

/** How a client reaches registries. */
export interface RegistryOptions {
  /** Directories with the layout `HOST/hosts.toml` and `_default/hosts.toml`; the first that has one for the host wins. */
  readonly configPaths: readonly string[];
  /** Manifests and indexes larger than this are refused. Default 4 MiB. */
  readonly manifestLimitBytes?: number;
  /** Requests running at a time on one host. Default 8. */
  readonly requestsPerHost?: number;
  /** Tries of one request on one host. Default 5. */
  readonly tries?: number;
  /** Milliseconds before the second try; doubled for each further one, with jitter. Default 200. */
  readonly retryMinMs?: number;
  /** Milliseconds without a byte after which a transfer is given up and tried again. Default 30,000. */
  readonly stallMs?: number;
  /** The longest Retry-After that is waited for, in milliseconds; a longer one fails with that text. Default 60,000. */
  readonly retryAfterLimitMs?: number;
  /** Redirects followed for one request. Default 5. */
  readonly redirects?: number;
  /** Told of each request's failure that is tried again. */
  readonly onRetry?: (event: { readonly host: string; readonly doing: string; readonly reason: string }) => void;
}
