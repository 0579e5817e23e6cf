import type { Readable, Writable } from "node:stream";

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type {
  ContainerConfigSchema,
  ContainerStatusSchema,
  PodSandboxConfigSchema,
  PodSandboxStatusSchema,
} from "@crib/wire/cri";

import type { LogEntry } from "../logs/log-decoder.ts";
import type { ContainerEnd } from "./wait-for-exit.ts";

type Plain<T> = Exclude<NonNullable<T>, { readonly $typeName: string }>;

/** A PodSandboxConfig as it is given to the client. */
export type PodConfig = Plain<MessageInitShape<typeof PodSandboxConfigSchema>>;
/** A ContainerConfig as it is given to the client. */
export type ContainerConfig = Plain<MessageInitShape<typeof ContainerConfigSchema>>;

/** What a pod is made with. */
export interface PodOptions {
  /** Default: a name that no other pod has. */
  readonly name?: string;
  /** Default `default`. */
  readonly namespace?: string;
  /** Empty (the default): the daemon's default one. */
  readonly runtimeHandler?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Absolute directory for the logs of its containers, which stays. Default: one in the temporary directory, which goes with the pod. */
  readonly logDirectory?: string;
  /** Changes anything else of what the daemon is asked. */
  readonly change?: (config: PodConfig) => PodConfig;
  /** Milliseconds for the pod to be ready. Default 4 minutes, the kubelet's own. */
  readonly timeoutMs?: number;
}

/** What a container is made with. */
export interface ContainerOptions {
  readonly image: string;
  /** Whether the image is pulled first. Default `IfNotPresent`. */
  readonly pull?: "Always" | "IfNotPresent" | "Never";
  /** Default: the image's entry point and arguments. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a name that no other container of the pod has. */
  readonly name?: string;
  /** Changes anything else of what the daemon is asked. */
  readonly change?: (config: ContainerConfig) => ContainerConfig;
}

/** How a command is run in a container. */
export interface ExecOptions {
  /** What the command reads. Default: nothing. */
  readonly stdin?: Readable | Uint8Array | string;
  /** Where its output goes as it comes, instead of to the result. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** Bytes of each output that the result takes. More fails with ResourceExhausted. Default 16 MiB. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** How a command ended. */
export interface ExecResult {
  readonly exitCode: number;
  /** Empty where it went to a stream. */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** How a log is read. */
export interface LogsOptions {
  /** Until the container has ended. Default: what is there now. */
  readonly follow?: boolean;
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal;
}

/** A pod that this program runs. Disposing of it removes it with all its containers. */
export interface RunningPod extends AsyncDisposable {
  readonly id: string;
  readonly config: PodConfig;
  /** The pod's own address first; empty for a pod in the host's network. */
  readonly addresses: readonly string[];
  status(): Promise<MessageShape<typeof PodSandboxStatusSchema>>;
  /** Creates and starts a container; nothing is left of one that fails. */
  runContainer(options: ContainerOptions): Promise<RunningContainer>;
  /** Listens on a port of 127.0.0.1 (`local`; 0, the default, is any free one) that leads to one of the pod. Ends with the pod at the latest. */
  forwardPort(remote: number, local?: number): Promise<{ readonly port: number } & AsyncDisposable>;
  /** Stops it with all its containers; it can still be looked at. Idempotent. */
  stop(): Promise<void>;
  /** Removes it. Idempotent. */
  remove(): Promise<void>;
}

/** A container that this program runs. Disposing of it removes it. */
export interface RunningContainer extends AsyncDisposable {
  readonly id: string;
  readonly name: string;
  status(): Promise<MessageShape<typeof ContainerStatusSchema>>;
  /** Waits until it has ended; all its output is in its log then. Rejects with `signal`. */
  wait(signal?: AbortSignal): Promise<ContainerEnd>;
  /** Runs a command in it. An exit code other than 0 is no error. */
  exec(command: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** What it has written, entry by entry, each good until the next is asked for. The log is a file of this host, as the CRI has it. */
  logs(options?: LogsOptions): AsyncIterable<LogEntry>;
  /** Asks it to end, and ends it after `graceSeconds` (default 10). Idempotent. */
  stop(graceSeconds?: number): Promise<void>;
  /** Ends it without grace and removes it. Idempotent. */
  remove(): Promise<void>;
}
