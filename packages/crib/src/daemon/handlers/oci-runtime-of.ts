import type { RuntimeHandler } from "@crib/core/sandbox";
import { isRuncRuntime } from "@crib/core/tasks";

/**
 * Name or path of the OCI runtime that the shim of a handler runs; undefined where that is not known: what another shim than
 * containerd's for runc runs containers with is its own affair, unless its options say so.
 */
export function ociRuntimeOf({ runtimeType, options }: RuntimeHandler): string | undefined {
  const { BinaryName: named } = options;
  if (typeof named === "string" && named !== "") return named;
  return isRuncRuntime(runtimeType) ? "runc" : undefined;
}
