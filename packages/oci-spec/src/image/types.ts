import type { PlatformName } from "../platform.ts";

/** `sha256:` or `sha512:` with lower-case hexadecimal digits of the right number; made by `parseDigest` only. */
export type Digest = `sha256:${string}` | `sha512:${string}`;

/** Points at content by what it is (OCI image specification, "Content Descriptors"). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes; a safe integer, never negative. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Only in indexes. */
  readonly platform?: Partial<PlatformName> & Pick<PlatformName, "os" | "architecture">;
}

/** A name of an image, completed: `busybox` is `docker.io/library/busybox:latest`. */
export interface ImageReference {
  /** Host and port as in names, `docker.io` for the default one. */
  readonly registry: string;
  /** Path within the registry. */
  readonly repository: string;
  /** `latest` where the name had neither tag nor digest. */
  readonly tag?: string;
  /** Where there is one, it decides, and the tag is ignored. */
  readonly digest?: Digest;
}

/** An OCI image manifest or a Docker one (schema 2). */
export interface ImageManifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly config: Descriptor;
  /** From the lowest one upwards. */
  readonly layers: readonly Descriptor[];
}

/** An OCI index or a Docker manifest list. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** The configuration of an image, as far as a runtime reads it. All of it is hostile input whose types have been checked. */
export interface ImageConfig {
  readonly platform: PlatformName;
  readonly created?: string;
  readonly author?: string;
  /** `config.User`, as written; see `parseImageUser`. */
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Paths declared as volumes. */
  readonly volumes: readonly string[];
  readonly exposedPorts: readonly string[];
  readonly stopSignal: string;
  /** Digests of the uncompressed layers, from the lowest one upwards; as many as the manifest has layers. */
  readonly diffIds: readonly Digest[];
}

/** Whom the image asks to run as, as the CRI's Image has it: a number, or a name to look up; neither is root by default. */
export interface ImageUser {
  readonly uid?: bigint;
  readonly username?: string;
}
