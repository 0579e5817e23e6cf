import type { Any } from "@bufbuild/protobuf/wkt";

/** Type URL of a CRI PodSandboxConfig in binary form. iSulad sends the same bytes with none. */
export const podConfigTypeUrl = "runtime.v1.PodSandboxConfig";

/** The extension of a sandbox in which crib sends all that it knows of a pod, as `formatSandbox` writes it. */
export const sandboxExtension = "dev.crib/sandbox";

/** What a client says of a pod that is to be created, in whatever service it says so. */
export interface SandboxRequest {
  readonly sandboxId: string;
  /** A CRI PodSandboxConfig, if anything. */
  readonly options: Any | undefined;
  /** Empty: the host's network. */
  readonly netnsPath: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** Name of the runtime handler, where it is known. */
  readonly runtimeHandler: string;
  /** The value of `sandboxExtension`, or the content of `sandbox.json`. */
  readonly sandbox: string | undefined;
}

/** Directories for the files of one pod whose runtime names none. */
export interface SandboxPlaces {
  /** For files that live as long as the pod. Absolute. */
  readonly rootDir: string;
  /** Volatile. Absolute. */
  readonly stateDir: string;
}
