import { constants } from "node:os";

import type { ChildExit } from "@crib/linux";
import { Status } from "@crib/wire/task";

/** How and when a process ended. */
export interface ProcessExit {
  /** 0 to 255; 128 + signal of one that a signal ended; 255 when nobody knows. */
  readonly exitStatus: number;
  readonly exitedAt: Date;
}

/** The life of a process of a task. An exec starts at `registered`, an init process at `created`. */
export type ProcessState =
  | { readonly kind: "registered" }
  | { readonly kind: "created"; readonly pid: number }
  | { readonly kind: "running"; readonly pid: number }
  | { readonly kind: "paused"; readonly pid: number }
  | { readonly kind: "stopped"; readonly pid: number; readonly exit: ProcessExit };

const unknownExit = 255;

/** The exit status that a shell would give. */
export function exitStatusOf({ exitCode, signal }: ChildExit): number {
  if (exitCode !== null) return exitCode;
  if (signal === null) return unknownExit;
  const number = constants.signals[signal as NodeJS.Signals] ?? Number(/^SIG(\d+)$/.exec(signal)?.[1]);
  return Number.isNaN(number) ? unknownExit : 128 + number;
}

const statuses: Readonly<Record<ProcessState["kind"], Status>> = {
  registered: Status.CREATED,
  created: Status.CREATED,
  running: Status.RUNNING,
  paused: Status.PAUSED,
  stopped: Status.STOPPED,
};

/** The number of the state in containerd's task API. */
export function statusOf({ kind }: ProcessState): Status {
  return statuses[kind];
}
