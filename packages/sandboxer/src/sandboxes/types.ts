import type { TaskEndpoint } from "../types.ts";

/** Takes what a sandboxer or a shim has to say besides its answers; ids travel as fields. */
export type SandboxerLog = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** Deadlines of calls to the controller, in milliseconds. They come on top of those that clients set. */
export interface ControllerDeadlines {
  /** `create`. Default 60,000. */
  readonly create: number;
  /** `start`, and then as long for its task service to be there. Default 60,000: it may boot a virtual machine. */
  readonly start: number;
  /** `stop`, on top of the grace it is given. Default 10,000. */
  readonly stop: number;
  /** `shutdown`. Default 30,000. */
  readonly shutdown: number;
  /** `adopt`. Default 10,000. */
  readonly adopt: number;
  /** All others but `wait`, which has none. Default 5,000. */
  readonly other: number;
  /** How long a call whose signal was aborted has to settle, before others of the same sandbox go on without it. Default 1,000. */
  readonly settle: number;
}

/** What there is when nothing is said. */
export const defaultDeadlines: ControllerDeadlines = {
  create: 60_000,
  start: 60_000,
  stop: 10_000,
  shutdown: 30_000,
  adopt: 10_000,
  other: 5_000,
  settle: 1_000,
};

/** Where the tasks of a sandbox are served. */
export type EndpointOf = (id: string, signal: AbortSignal) => Promise<TaskEndpoint>;
