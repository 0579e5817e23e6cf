import type { MessageShape } from "@bufbuild/protobuf";
import type { PodSandboxStatusSchema } from "@crib/wire/cri";

import type { PodConfig } from "./pod-config.ts";
import { type Ended, runProgram } from "./run-program.ts";

/** What verbose status says of a pod; only what tests look at is typed. */
export interface PodInfo {
  readonly pid: number;
  readonly processStatus: string;
  readonly netNamespaceClosed: boolean;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly controller: string;
  /** What the controller says. */
  readonly controllerInfo?: {
    readonly info?: Readonly<Record<string, string>>;
    readonly platform?: { readonly os: string };
    readonly problem?: string;
  };
  readonly runtimeHandler: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly runtimeSpec?: Readonly<Record<string, unknown>>;
  /** Whether it is attached to its networks now. */
  readonly networkReady: boolean;
  readonly networks: readonly { readonly name: string; readonly interface: string; readonly result?: unknown }[];
  readonly cniResult: readonly Readonly<Record<string, unknown>>[];
  readonly sandboxMetadata: Readonly<Record<string, string>>;
  readonly timings: readonly {
    readonly flow: string;
    readonly durationMs: number;
    readonly outcome: string;
    readonly steps: readonly { readonly step: string; readonly startMs: number; readonly endMs: number }[];
  }[];
  readonly problem?: {
    readonly flow: string;
    readonly step: string;
    readonly message: string;
    readonly attempts: number;
  };
  readonly exit?: { readonly exitCode: number; readonly reason: string };
}

/** A pod that runs or has run on a node under test. */
export interface Pod {
  readonly id: string;
  /** What it was asked for with; the same again is the same request. */
  readonly config: PodConfig;
  readonly handler: string;
  /** Where its network namespace is pinned. */
  readonly netns: string;
  status(): Promise<MessageShape<typeof PodSandboxStatusSchema>>;
  info(): Promise<PodInfo>;
  /** Its first address. Fails when it has none. */
  address(): Promise<string>;
  /** Runs a program of the host inside the pod's network namespace, and others as asked. */
  exec(argv: readonly [string, ...string[]], others?: readonly ("ipc" | "uts")[]): Promise<Ended>;
  readonly stop: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** The calls of the CRI that a pod handle needs. */
export interface PodCalls {
  readonly status: (id: string) => Promise<{
    readonly status?: MessageShape<typeof PodSandboxStatusSchema> | undefined;
    readonly info: Readonly<Record<string, string>>;
  }>;
  readonly stop: (id: string) => Promise<unknown>;
  readonly remove: (id: string) => Promise<unknown>;
}

/** A handle on a pod. */
export function podHandle(id: string, config: PodConfig, handler: string, netns: string, calls: PodCalls): Pod {
  const info = async (): Promise<PodInfo> => JSON.parse((await calls.status(id)).info["info"] ?? "null") as PodInfo;
  const status: Pod["status"] = async () => {
    const { status } = await calls.status(id);
    if (!status) throw new Error(`pod ${id} has no status`);
    return status;
  };
  return {
    id,
    config,
    handler,
    netns,
    status,
    info,
    async address(): Promise<string> {
      const { network } = await status();
      if (!network?.ip) throw new Error(`pod ${id} has no address`);
      return network.ip;
    },
    async exec(argv, others = []): Promise<Ended> {
      const { namespaces } = others.length > 0 ? await info() : { namespaces: {} as Readonly<Record<string, string>> };
      const more = others.map((kind) => `--${kind}=${namespaces[kind]}`);
      return runProgram(["nsenter", `--net=${netns}`, ...more, "--", ...argv]);
    },
    stop: async () => void (await calls.stop(id)),
    remove: async () => void (await calls.remove(id)),
  };
}
