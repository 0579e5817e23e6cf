/** What TLS connections to a host use beside the system's authorities. */
export interface TlsMaterial {
  /** Differs when any of the other fields differs. */
  readonly id: string;
  /** PEM texts of further authorities. */
  readonly authorities: readonly string[];
  /** PEM texts of client certificates with their keys. */
  readonly clients: readonly { readonly certificate: string; readonly key: string }[];
  /** Neither the certificate's chain nor its name is checked. */
  readonly skipVerify: boolean;
}

/** One place that images of a registry may come from: the registry itself or a mirror. */
export interface Endpoint {
  /** `host[:port]`, as `source` shows it. */
  readonly host: string;
  readonly scheme: "http" | "https";
  /** Whether plain HTTP is spoken where the host turns out not to speak TLS. Only with `https`. */
  readonly fallsBack: boolean;
  /** Path before the repository's name, `/v2` by default; no slash at its end. */
  readonly path: string;
  /** What the host is trusted with: content by digest, and tags. */
  readonly capabilities: { readonly pull: boolean; readonly resolve: boolean };
  readonly tls: TlsMaterial;
  /** Sent with each request to this origin, and to no other. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Milliseconds until a connection stands. */
  readonly dialTimeoutMs: number;
  /** URL of the proxy; undefined leaves it to the environment. */
  readonly proxy: string | undefined;
  /** Hosts of token servers, beside those that are near by name, that may be told this host's credentials. */
  readonly tokenHosts: readonly string[];
  /** What credentials are looked up by: the registry's name as in references, a mirror's own host. */
  readonly credentialsHost: string;
  /** The registry's name, told to mirrors, which may serve several; undefined for the registry itself. */
  readonly namespace: string | undefined;
}
