import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { Code, hasCode } from "@crib/errdefs";
import { umountTree, waitProcessGone } from "@crib/linux";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";

import { bundlePath, hasBundle, removeBundle } from "./bundle.ts";
import { toKernelIdentity } from "./process-identity.ts";
import { runcStateDir } from "./runtime-options.ts";
import { connectShim, type ShimConnection } from "./shim-connection.ts";
import { killProcess, killStrays } from "./shim-processes.ts";
import { findBootstrap, readShimRecord, type ShimRecord } from "./shim-record.ts";
import { accepts, removeDeadSocket, shimSocketPath, unixPath } from "./shim-socket.ts";
import { type ShimsContext, shimEnvironment } from "./shims-context.ts";
import { runShimDelete } from "./start-shim.ts";

/** What is known of a shim that is to go; each part may be missing. */
interface Remains {
  readonly id: string;
  readonly bundle: string;
  readonly record: ShimRecord | undefined;
  readonly endpoint: TaskEndpoint | undefined;
  readonly sockets: readonly string[];
  readonly process: ProcessIdentity | undefined;
}

/**
 * Ends a shim and removes everything of it, from any half state. The polite way first: the task deleted, Shutdown, the process gone.
 * If that fails at any point: the process and all strays killed, `shim delete` for what the runtime still has, then
 * its state. Files go last, so that whatever was cut short can be found again by them.
 */
export async function removeShim(
  context: ShimsContext,
  id: string,
  open: ShimConnection | undefined,
  signal: AbortSignal,
): Promise<void> {
  const remains = await examine(context, id, open);
  if (remains === undefined) return;
  const isGone = await endPolitely(context, remains, open, signal);
  if (!isGone) await endByForce(context, remains, signal);
  for (const path of remains.sockets) await removeDeadSocket(path, signal);
  await removeBundle(context.stateDir, id, (path) => umountTree(path, { timeoutMs: context.budgets.kill }));
}

async function examine(
  context: ShimsContext,
  id: string,
  open: ShimConnection | undefined,
): Promise<Remains | undefined> {
  const { stateDir, daemonAddress, namespace } = context;
  const record = await readShimRecord(stateDir, id);
  const endpoint = await findBootstrap(stateDir, id);
  const path = endpoint === undefined ? undefined : unixPath(endpoint.address);
  const computed = shimSocketPath(daemonAddress, namespace, id);
  const sockets = [...new Set([path, record?.socket, computed].filter((socket) => socket !== undefined))];
  // Without a bundle nothing was started, unless somebody took the bundle away: then the socket is there.
  if (
    !(await hasBundle(stateDir, id)) &&
    open === undefined &&
    !(await accepts(computed, AbortSignal.timeout(context.budgets.connect)))
  )
    return undefined;
  const fallback: TaskEndpoint = { protocol: "ttrpc", address: `unix://${record?.socket ?? computed}`, version: 3 };
  return {
    id,
    bundle: bundlePath(stateDir, id),
    record,
    endpoint: endpoint ?? fallback,
    sockets,
    process: open?.process ?? record?.process,
  };
}

/** Whether the shim did what it should and is gone. */
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
    connection ??= await dial(context, remains, signal);
    if (connection === undefined) return false;
    await endTask(connection, id, budgets.kill, signal);
    await connection.tasks.shutdown(id, signal, { timeoutMs: budgets.shutdown });
    await waitProcessGone(toKernelIdentity(connection.process), { timeoutMs: budgets.shutdown, signal });
    // Without a record of its process this may have been one shim of two: the scan decides.
    return remains.process !== undefined;
  } catch (error) {
    log("warn", "shim does not end by itself", { taskId: id, error: (error as Error).message });
    return false;
  } finally {
    await connection?.client.close();
  }
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

/** Deletes the shim's own task, killing it when it runs; a task that was never made, or is deleted already, is NotFound. */
async function endTask(connection: ShimConnection, id: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { tasks } = connection;
  const limit = { timeoutMs };
  try {
    await tasks.delete(id, "", signal, limit);
    return;
  } catch (error) {
    if (hasCode(error, Code.NotFound)) return;
  }
  try {
    await tasks.kill({ id, signal: 9, all: true }, signal, limit);
  } catch (error) {
    if (!hasCode(error, Code.NotFound)) throw error; // it ended by itself meanwhile
  }
  await tasks.wait(id, "", signal, limit);
  await tasks.delete(id, "", signal, limit);
}

async function endByForce(context: ShimsContext, remains: Remains, signal: AbortSignal): Promise<void> {
  const { id, bundle, record } = remains;
  const { budgets, instance, namespace, daemonAddress, publishBinary, log } = context;
  if (remains.process !== undefined) await killProcess(remains.process, budgets.kill, signal);
  await killStrays(id, instance, budgets.kill, signal);
  if (record === undefined) return;
  const stateDir = runcStateDir(record.runtimeType, record.options, namespace, id);
  const init = stateDir === undefined ? undefined : await readInit(stateDir);
  const command = { id, binary: record.binary, bundle, namespace, daemonAddress, publishBinary };
  const env = shimEnvironment(context, id);
  try {
    await runShimDelete({ ...command, env, deadlineMs: budgets.delete }, signal);
  } catch (error) {
    signal.throwIfAborted();
    log("warn", "shim delete failed", { taskId: id, error: (error as Error).message });
    await killStrays(id, instance, budgets.kill, signal);
  }
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
