import { basename } from "node:path";

import { StatusError } from "@crib/errdefs";

import { hasBundle } from "./bundle.ts";
import { isRuncRuntime } from "./runtime-options.ts";
import { killStrays } from "./shim-processes.ts";
import { type ShimRecord, writeShimRecord } from "./shim-record.ts";
import { type ShimsContext, shimEnvironment } from "./shims-context.ts";
import { runShimDelete } from "./start-shim.ts";

/**
 * How often `shim delete` may fail before the removal goes on without it. A shim whose start failed half-way may have nothing that its
 * `delete` could find, and says so for ever; one that was cut off on a loaded machine does its work at the next try.
 */
const maxDeletes = 5;

/** Later tries get more time, up to this many times the budget: a step that removes a pod waits for one. */
const maxPatience = 3;

/**
 * Has a shim that is gone free what its runtime still holds (`shim delete`). A run that fails is only logged where crib removes all of it
 * itself, which is so for the stock runc shim, and where there is no more hope: nothing tells which shim it was, or it has failed too often.
 * Otherwise its error is thrown, and counted in the bundle, so that the removal is tried again.
 */
export async function deleteRemains(
  context: ShimsContext,
  { id, bundle, record }: { readonly id: string; readonly bundle: string; readonly record: ShimRecord },
  signal: AbortSignal,
): Promise<void> {
  const { stateDir, namespace, daemonAddress, publishBinary, instance, budgets, log } = context;
  if (record.binary === "" || !(await hasBundle(stateDir, id))) {
    log("warn", "shim delete cannot be run: nothing tells which shim it was", { taskId: id });
    return;
  }
  const failures = record.failedDeletes ?? 0;
  const deadlineMs = budgets.delete * Math.min(failures + 1, maxPatience);
  const command = { id, binary: record.binary, bundle, namespace, daemonAddress, publishBinary };
  try {
    await runShimDelete({ ...command, env: shimEnvironment(context, id), deadlineMs }, signal);
  } catch (error) {
    signal.throwIfAborted();
    await killStrays(id, instance, budgets.kill, signal);
    const fields = { taskId: id, error: (error as Error).message };
    if (isRuncShim(record)) {
      log("warn", "shim delete failed", fields);
      return;
    }
    if (failures + 1 >= maxDeletes) {
      log("error", "shim delete failed too often: what the runtime holds outside the bundle may be left", fields);
      return;
    }
    await writeShimRecord(stateDir, id, { ...record, failedDeletes: failures + 1 });
    const which = `try ${failures + 1} of ${maxDeletes}`;
    throw StatusError.from(error, `removing what the shim of "${id}" left (${which})`);
  }
}

/** A handler without a runtime type of its own has runc's; then another shim, which serves the Sandbox API, is known by its file. */
function isRuncShim({ runtimeType, binary, isLaunched }: ShimRecord): boolean {
  return isRuncRuntime(runtimeType) && (isLaunched !== true || basename(binary).startsWith("containerd-shim-runc-"));
}
