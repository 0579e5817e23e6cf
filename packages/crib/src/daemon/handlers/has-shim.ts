import type { RuntimeHandler } from "@crib/core/sandbox";

/** Controllers whose pods have a Runtime v2 shim that crib starts; what others run tasks with is theirs. */
const withShim: readonly string[] = ["podsandbox", "shim"];

/** Whether the pods of a handler have a Runtime v2 shim that crib starts. */
export function hasShim({ controller }: Pick<RuntimeHandler, "controller">): boolean {
  return withShim.includes(controller);
}
