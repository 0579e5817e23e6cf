import type { ContainerFacts } from "../types.ts";

/**
 * The facts of a container that a process was killed for memory in. The shim may tell of it after the end: systemd removes the cgroup
 * of an ended container at once, and then nothing but the shim's word has the reason.
 */
export function withOomKill(facts: Partial<ContainerFacts>): Partial<ContainerFacts> {
  const { exit } = facts;
  const isOpen = exit?.reason === "Error" && exit.message === "";
  return { ...facts, oomKilled: true, ...(isOpen && { exit: { ...exit, reason: "OOMKilled" } }) };
}
