import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode } from "@crib/errdefs";
import { umountTree, waitProcessGone } from "@crib/linux";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";

import { bundleFiles, bundlePath, hasBundle, readBundleFile, removeBundle } from "./bundle.ts";
import { deleteRemains } from "./delete-remains.ts";
import { toKernelIdentity } from "./process-identity.ts";
import { runcStateDir } from "./runtime-options.ts";
import { connectShim, type ShimConnection } from "./shim-connection.ts";
import { killProcess, killStrays } from "./shim-processes.ts";
import { findBootstrap, readShimRecord, type ShimRecord } from "./shim-record.ts";
import { accepts, removeDeadSocket, shimSocketPath, unixPath } from "./shim-socket.ts";
import type { ShimsContext } from "./shims-context.ts";
import type { ShimEnd } from "./types.ts";

/** What is known of a shim that is to go; each part may be missing. */
interface Remains {
  readonly id: string;
  readonly bundle: string;
  readonly record: ShimRecord;
  readonly endpoint: TaskEndpoint | undefined;
  readonly sockets: readonly string[];
  readonly process: ProcessIdentity | undefined;
}

/**
 * Ends a shim and removes everything of it, from any half state. The polite way first: the task deleted, Shutdown, the
 * process gone. If that fails at any point: the process and all strays killed, `shim delete` for what the runtime still
 * has, then its state. Files go last, so that whatever was cut short can be found again by them: a `shim delete` that fails fails the
 * call, unless crib removes itself what it leaves.
 */
export async function removeShim(
  context: ShimsContext,
  id: string,
  open: ShimConnection | undefined,
  signal: AbortSignal,
  end?: ShimEnd,
): Promise<void> {
  const remains = await examine(context, id, open);
  if (remains === undefined) return;
  const isGone = remains.record.isLaunched
    ? await endLaunched(context, remains, signal, end)
    : await endPolitely(context, remains, open, signal);
  if (!isGone) await endByForce(context, remains, signal);
  for (const path of remains.sockets) await removeDeadSocket(path, signal);
  await removeBundle(context.stateDir, id, (path) => umountTree(path, { timeoutMs: context.budgets.kill }));
}

async function examine(
  context: ShimsContext,
  id: string,
  open: ShimConnection | undefined,
): Promise<Remains | undefined> {
  const { stateDir } = context;
  const record = await recallShim(context, id);
  const endpoint = await findBootstrap(stateDir, id);
  const path = endpoint === undefined ? undefined : unixPath(endpoint.address);
  const sockets = [...new Set([path, record.socket].filter((socket) => socket !== undefined))];
  if (open === undefined && !(await hasBundle(stateDir, id))) {
    // Nothing was started then, unless somebody took the bundle away: in that case its shim listens.
    if (!(await accepts(record.socket, AbortSignal.timeout(context.budgets.connect)))) return undefined;
  }
  const fallback: TaskEndpoint = { protocol: "ttrpc", address: `unix://${record.socket}`, version: 3 };
  return {
    id,
    bundle: bundlePath(stateDir, id),
    record,
    endpoint: endpoint ?? fallback,
    sockets,
    process: open?.process ?? record.process,
  };
}

/**
 * What a bundle remembers, or without that what would have been usual: a wrong guess finds nothing, since all of it is
 * named by the id.
 */
async function recallShim(context: ShimsContext, id: string): Promise<ShimRecord> {
  const { stateDir, daemonAddress, namespace } = context;
  const record = await readShimRecord(stateDir, id);
  if (record !== undefined) return record;
  const binary = (await readBundleFile(stateDir, id, bundleFiles.binary)) ?? "";
  const socket = shimSocketPath(daemonAddress, namespace, id);
  return { runtimeType: "io.containerd.runc.v2", options: {}, binary, socket };
}

/**
 * Asks the shim to end. True when it is gone and can have left nothing: it has answered every call of this daemon. One
 * that owes an answer hangs or is at work, and is not asked. One of an earlier daemon may have left work that outlives
 * it.
 */
async function endPolitely(
  context: ShimsContext,
  remains: Remains,
  open: ShimConnection | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const { id } = remains;
  const { budgets, log } = context;
  let connection = open;
  try {
    if (open?.tasks.hasAbandoned === true) return false;
    connection ??= await dial(context, remains, signal);
    if (connection === undefined) return false;
    await endTask(connection, id, AbortSignal.any([signal, AbortSignal.timeout(budgets.kill)]));
    await connection.tasks.shutdown(id, signal, { timeoutMs: budgets.shutdown });
    await waitProcessGone(toKernelIdentity(connection.process), { timeoutMs: budgets.shutdown, signal });
    return open !== undefined;
  } catch (error) {
    log("warn", "shim does not end by itself", { taskId: id, error: (error as Error).message });
    return false;
  } finally {
    await connection?.client.close();
  }
}

/**
 * Has a launched shim asked by those who talk to it. True when it is gone; then what it has started and left, a virtual machine for
 * instance, is ended as well: it had its time.
 */
async function endLaunched(
  context: ShimsContext,
  remains: Remains,
  signal: AbortSignal,
  end: ShimEnd | undefined,
): Promise<boolean> {
  const { id } = remains;
  const { budgets, instance, log } = context;
  try {
    if (end === undefined || !(await end(signal))) return false;
  } catch (error) {
    log("warn", "shim does not end by itself", { taskId: id, error: (error as Error).message });
    return false;
  }
  await killStrays(id, instance, budgets.kill, signal);
  return true;
}

async function dial(context: ShimsContext, remains: Remains, signal: AbortSignal): Promise<ShimConnection | undefined> {
  const { id, endpoint } = remains;
  if (endpoint === undefined) return undefined;
  try {
    const { namespace, budgets } = context;
    return await connectShim({ id, endpoint, namespace, timeoutMs: budgets.connect }, signal);
  } catch (error) {
    if (hasCode(error, Code.NotFound)) return undefined;
    throw error;
  }
}

/**
 * Deletes the shim's own task, killing it when it runs; a task that was never made, or is deleted already, is NotFound.
 */
async function endTask({ tasks }: ShimConnection, id: string, signal: AbortSignal): Promise<void> {
  try {
    await tasks.delete(id, "", signal);
    return;
  } catch (error) {
    if (hasCode(error, Code.NotFound)) return;
    const isAnswer = !hasCode(error, Code.Unavailable) && !hasCode(error, Code.DeadlineExceeded);
    if (!isAnswer || signal.aborted) throw error;
  }
  try {
    await tasks.kill({ id, signal: 9, all: true }, signal);
  } catch (error) {
    if (!hasCode(error, Code.NotFound)) throw error; // it ended by itself meanwhile
  }
  await tasks.wait(id, "", signal);
  await tasks.delete(id, "", signal);
}

async function endByForce(context: ShimsContext, remains: Remains, signal: AbortSignal): Promise<void> {
  const { id, record } = remains;
  const { budgets, instance, namespace } = context;
  if (remains.process !== undefined) await killProcess(remains.process, budgets.kill, signal);
  await killStrays(id, instance, budgets.kill, signal);
  const stateDir = runcStateDir(record.runtimeType, record.options, namespace, id);
  const init = stateDir === undefined ? undefined : await readInit(stateDir);
  await deleteRemains(context, remains, signal);
  if (init !== undefined) await killProcess(init, budgets.kill, signal);
  if (stateDir !== undefined) await rm(stateDir, { recursive: true, force: true });
}

/** The container's first process by runc's own record, for when the shim cannot be asked any more. */
async function readInit(runcState: string): Promise<ProcessIdentity | undefined> {
  try {
    const state = JSON.parse(await readFile(join(runcState, "state.json"), "utf8")) as Readonly<
      Record<string, unknown>
    >;
    const { init_process_pid: pid, init_process_start: startTime } = state;
    return typeof pid === "number" && typeof startTime === "number" ? { pid, startTime } : undefined;
  } catch {
    return undefined; // no container, or one that never came to be: `shim delete` and the cgroup see to the rest
  }
}
