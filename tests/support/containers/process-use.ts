import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import type { Node } from "../node.ts";
import type { Pod } from "../pod.ts";

const kibibytesPerMebibyte = 1024;

/** What a process holds. */
export interface ProcessUse {
  /** Open descriptors. */
  readonly fds: number;
  /** Resident memory in MiB. */
  readonly memory: number;
  /** Children that ended and were not waited for. */
  readonly zombies: number;
}

/** Looks at a process now. */
export function processUse(pid: number): ProcessUse {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    memory: Math.round(Number(kilobytes) / kibibytesPerMebibyte),
    zombies: childrenOf(pid).filter((child) => stateOf(child) === "Z").length,
  };
}

/** What the descriptors of a process are open on, sorted; for messages about those that are too many. */
export function openFiles(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return "(closed)";
      }
    })
    .toSorted();
}

/** The pid of the shim that runs a pod's containers. */
export function shimOf(node: Pick<Node, "state">, pod: Pick<Pod, "id">): number {
  const file = join(node.state, "tasks", pod.id, "shim.json");
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly process: { readonly pid: number } }).process.pid;
}

/** What is left of additional processes of a container on disk: a directory with FIFOs for each. */
export function execDirs(node: Pick<Node, "state">, containerId: string): readonly string[] {
  try {
    return readdirSync(join(node.state, "tasks", containerId, "exec"));
  } catch (reason) {
    if ((reason as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw reason;
  }
}

function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter(Boolean).map(Number);
    } catch {
      return []; // it has ended since, and its children are another thread's
    }
  });
}

function stateOf(pid: number): string {
  try {
    return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
}

/** How many threads a process has now. */
export function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}
