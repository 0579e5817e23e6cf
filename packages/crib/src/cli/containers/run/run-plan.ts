import { readFileSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";
import { NamespaceMode, SecurityProfile_ProfileType } from "@crib/wire/cri";

import type { EndpointOptions } from "../../endpoint.ts";
import type { PresentImage } from "../pods/ensure-image.ts";
import { maskedPaths, readonlyPaths } from "../pods/hidden-paths.ts";
import type { ContainerConfig, PodConfig } from "../pods/run-pod.ts";
import { parseEnvironmentFile, parseVariable, type Variable } from "./parse-environment.ts";
import { cpuPeriod, parseCpus, parseMemory, parseUser } from "./parse-limits.ts";
import { parsePublishedPort } from "./parse-port.ts";
import { parseVolume } from "./parse-volume.ts";

/** The flags of `crib run`. */
export interface RunOptions extends EndpointOptions {
  readonly interactive?: true;
  readonly tty?: true;
  readonly detach?: true;
  /** False: the pod is kept at the end. */
  readonly rm: boolean;
  readonly name?: string;
  readonly publish: readonly string[];
  readonly volume: readonly string[];
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly entrypoint?: string;
  readonly privileged?: true;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly memory?: string;
  readonly cpus?: string;
  readonly network: "pod" | "host";
  readonly readOnly?: true;
  readonly runtimeHandler: string;
}

/** What is asked for, checked before anything is made. */
export interface RunPlan {
  readonly pod: PodConfig;
  readonly container: (image: PresentImage) => ContainerConfig;
}

/** Turns flags into what the CRI is asked for. InvalidArgument and NotFound name the flag. */
export function planRun(name: string, image: string, command: readonly string[], options: RunOptions): RunPlan {
  const isHost = options.network === "host";
  if (isHost && options.publish.length > 0) {
    throw new StatusError(Code.InvalidArgument, "reading --publish: with --network host all ports are the host's");
  }
  const namespaceOptions = {
    network: isHost ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: NamespaceMode.CONTAINER,
    ipc: NamespaceMode.POD,
  };
  const privileged = options.privileged === true;
  const container = containerConfig(command, options, namespaceOptions);
  return {
    pod: {
      hostname: isHost ? "" : name,
      portMappings: options.publish.map(parsePublishedPort),
      linux: { securityContext: { namespaceOptions, privileged, seccomp: seccompOf(privileged) } },
    },
    container: ({ id }) => ({ ...container, image: { image: id, userSpecifiedImage: image } }),
  };
}

function containerConfig(
  command: readonly string[],
  options: RunOptions,
  namespaceOptions: object,
): Omit<ContainerConfig, "image"> {
  const privileged = options.privileged === true;
  return {
    // Like the CRI's fields: the entry point is `command`, what follows the image are `args`.
    command: options.entrypoint === undefined ? [] : [options.entrypoint],
    args: [...command],
    workingDir: options.workdir ?? "",
    envs: [...variables(options)],
    mounts: options.volume.map((volume) => parseVolume(volume)),
    stdin: options.interactive === true,
    // A terminal may be joined again after the daemon was away.
    stdinOnce: options.interactive === true && options.tty !== true,
    tty: options.tty === true,
    linux: {
      resources: resources(options),
      securityContext: {
        namespaceOptions,
        privileged,
        ...(options.user !== undefined && parseUser(options.user)),
        capabilities: { addCapabilities: [...options.capAdd], dropCapabilities: [...options.capDrop] },
        readonlyRootfs: options.readOnly === true,
        seccomp: seccompOf(privileged),
        ...(privileged ? {} : { maskedPaths: [...maskedPaths], readonlyPaths: [...readonlyPaths] }),
      },
    },
  };
}

function seccompOf(privileged: boolean): { readonly profileType: SecurityProfile_ProfileType } {
  const { RuntimeDefault, Unconfined } = SecurityProfile_ProfileType;
  return { profileType: privileged ? Unconfined : RuntimeDefault };
}

/** Those of files come first, so that flags win. */
function variables({ env, envFile }: RunOptions): readonly Variable[] {
  return [
    ...envFile.flatMap((path) => parseEnvironmentFile(readText(path), process.env)),
    ...env.flatMap((text) => parseVariable(text, process.env) ?? []),
  ];
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (reason) {
    throw StatusError.from(reason, `reading --env-file "${path}"`);
  }
}

function resources({ memory, cpus }: RunOptions) {
  return {
    ...(memory !== undefined && { memoryLimitInBytes: parseMemory(memory) }),
    ...(cpus !== undefined && { cpuPeriod, cpuQuota: parseCpus(cpus) }),
  };
}
