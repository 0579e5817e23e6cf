import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";

import { bundleFiles, bundlePath, createBundle, listBundles, readBundleFile } from "./bundle.ts";
import { removeShim } from "./remove-shim.ts";
import { findRuntimeBinary } from "./runtime-binary.ts";
import { packRuntimeOptions } from "./runtime-options.ts";
import { connectShim, type ShimConnection } from "./shim-connection.ts";
import { ShimLog } from "./shim-log.ts";
import { findMarkedProcess, killProcess, killStrays, markerValue } from "./shim-processes.ts";
import { findBootstrap, readBootstrap, readShimRecord, type ShimRecord, writeShimRecord } from "./shim-record.ts";
import { ShimRunner } from "./shim-runner.ts";
import { findShimServer } from "./shim-server.ts";
import { groupAnnotations, shimSocketPath } from "./shim-socket.ts";
import { resolveShimsOptions, type ShimsContext } from "./shims-context.ts";
import { checkTaskId } from "./task-id.ts";
import { Turns } from "./turns.ts";
import type { LaunchedShim, Shim, ShimDescription, ShimEnd, Shims, ShimsOptions, ShimStart } from "./types.ts";

/** The shims of a daemon, one bundle and one connection each. Makes nothing on the host until the first `start`. */
export function createShims(options: ShimsOptions): Shims {
  return new ShimsOfDaemon(resolveShimsOptions(options));
}

/** A shim with a connection that is open as far as is known. */
interface OpenShim {
  readonly shim: Shim;
  readonly connection: ShimConnection;
  readonly log: ShimLog;
}

class ShimsOfDaemon implements Shims {
  readonly #context: ShimsContext;
  readonly #runner: ShimRunner;
  readonly #open = new Map<string, OpenShim>();
  readonly #launchedLogs = new Map<string, ShimLog>();
  readonly #turns = new Turns();
  readonly #closing = new AbortController();

  constructor(context: ShimsContext) {
    this.#context = context;
    this.#runner = new ShimRunner(context);
  }

  async start(request: ShimStart, signal: AbortSignal): Promise<Shim> {
    return await this.#inNewBundle(request, signal, async (record) => {
      const { endpoint, log } = await this.#runner.run(request, record, signal);
      try {
        const connection = await this.#connect(request.id, endpoint, signal);
        await writeShimRecord(this.#context.stateDir, request.id, { ...record, process: connection.process });
        return this.#keep(request.id, record, endpoint, connection, log);
      } catch (error) {
        log.close();
        throw error;
      }
    });
  }

  async launch(request: ShimStart, signal: AbortSignal): Promise<LaunchedShim> {
    return await this.#inNewBundle(request, signal, async (planned) => {
      const record = { ...planned, isLaunched: true };
      const { endpoint, log } = await this.#runner.run(request, record, signal);
      this.#launchedLogs.set(request.id, log);
      return this.#launched(request.id, record, endpoint);
    });
  }

  async recall(id: string, signal: AbortSignal): Promise<LaunchedShim> {
    checkTaskId(id);
    return await this.#turns.take(id, async () => {
      this.#refuseIfOver(`recalling the shim of "${id}"`, signal);
      const { stateDir, log } = this.#context;
      const [endpoint, record] = [await readBootstrap(stateDir, id), await this.#record(id, "recalling")];
      if (!this.#launchedLogs.has(id)) {
        this.#launchedLogs.set(id, new ShimLog(join(bundlePath(stateDir, id), bundleFiles.log), id, log));
      }
      return this.#launched(id, record, endpoint);
    });
  }

  async findServer(id: string, signal: AbortSignal): Promise<ProcessIdentity | undefined> {
    checkTaskId(id);
    return await this.#turns.take(id, async () => {
      signal.throwIfAborted();
      const { stateDir, instance } = this.#context;
      const record = await this.#record(id, "finding the process of");
      if (record.process !== undefined) return record.process;
      const process = await findShimServer(id, instance, await readBootstrap(stateDir, id));
      if (process !== undefined) await writeShimRecord(stateDir, id, { ...record, process });
      return process;
    });
  }

  async open(id: string, signal: AbortSignal): Promise<Shim> {
    checkTaskId(id);
    return await this.#turns.take(id, async () => {
      this.#refuseIfOver(`opening the shim of "${id}"`, signal);
      return this.#open.get(id)?.shim ?? (await this.#reopen(id, signal));
    });
  }

  async findProcess(id: string, pid: number): Promise<ProcessIdentity | undefined> {
    return await findMarkedProcess(pid, markerValue(checkTaskId(id), this.#context.instance));
  }

  async kill(id: string, signal: AbortSignal): Promise<void> {
    checkTaskId(id);
    await this.#turns.take(id, async () => {
      this.#refuseIfOver(`killing the shim of "${id}"`, signal);
      const { stateDir, instance, budgets } = this.#context;
      const process = (await readShimRecord(stateDir, id))?.process;
      if (process !== undefined) await killProcess(process, budgets.kill, signal);
      await killStrays(id, instance, budgets.kill, signal);
    });
  }

  async remove(id: string, signal: AbortSignal, end?: ShimEnd): Promise<void> {
    checkTaskId(id);
    await this.#turns.take(id, async () => {
      const open = this.#open.get(id);
      this.#open.delete(id); // from here on its end is no surprise
      await removeShim(this.#context, id, open?.connection, signal, end);
      this.#closeLog(id);
    });
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  async list(): Promise<readonly string[]> {
    return await listBundles(this.#context.stateDir);
  }

  async spec(id: string): Promise<string | undefined> {
    return await readBundleFile(this.#context.stateDir, id, bundleFiles.spec);
  }

  async file(id: string, name: string): Promise<string | undefined> {
    return await readBundleFile(this.#context.stateDir, id, name);
  }

  async describe(id: string): Promise<ShimDescription | undefined> {
    const { stateDir } = this.#context;
    const record = await readShimRecord(stateDir, id);
    if (record === undefined) return undefined;
    const { runtimeType, binary, process } = record;
    const endpoint = this.#open.get(id)?.shim.endpoint ?? (await findBootstrap(stateDir, id));
    return {
      runtimeType,
      binary,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(process === undefined ? {} : { process }),
    };
  }

  bundle(id: string): string {
    return bundlePath(this.#context.stateDir, id);
  }

  close(): void {
    this.#closing.abort(new StatusError(Code.Canceled, "the daemon ends"));
    for (const { connection } of this.#open.values()) void connection.client.close();
    this.#open.clear();
    for (const id of this.#launchedLogs.keys()) this.#closeLog(id);
  }

  #refuseIfOver(doing: string, signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.closing.aborted) throw new StatusError(Code.Canceled, `${doing}: the daemon ends`);
  }

  /** Makes the bundle and does the rest in it; when that fails, all of it is taken back. */
  async #inNewBundle<T>(
    request: ShimStart,
    signal: AbortSignal,
    begin: (record: ShimRecord) => Promise<T>,
  ): Promise<T> {
    const { id } = request;
    checkTaskId(id);
    return await this.#turns.take(id, async () => {
      this.#refuseIfOver(`starting the shim of "${id}"`, signal);
      const record = await this.#plan(request);
      await createBundle(this.#context.stateDir, id, request.specJson);
      try {
        return await begin(record);
      } catch (error) {
        await this.#takeBack(id);
        throw error;
      }
    });
  }

  async #plan(request: ShimStart): Promise<ShimRecord> {
    const { id, runtimeType, options } = request;
    const { daemonAddress, namespace, runtimeDirs } = this.#context;
    packRuntimeOptions(runtimeType, options); // refuses bad options before anything is made
    const binary = await findRuntimeBinary(request, { path: this.#context.path, dirs: runtimeDirs });
    const socket = shimSocketPath(daemonAddress, namespace, groupOf(request.specJson) ?? id);
    return { runtimeType, options, binary, socket };
  }

  #launched(id: string, record: ShimRecord, endpoint: TaskEndpoint): LaunchedShim {
    // One that was on its way when the daemon ended: the next daemon recalls it.
    if (this.closing.aborted) this.#closeLog(id);
    return { id, bundle: this.bundle(id), endpoint, runtimeType: record.runtimeType, binary: record.binary };
  }

  #closeLog(id: string): void {
    this.#launchedLogs.get(id)?.close();
    this.#launchedLogs.delete(id);
  }

  async #record(id: string, doing: string): Promise<ShimRecord> {
    const record = await readShimRecord(this.#context.stateDir, id);
    if (record !== undefined) return record;
    throw new StatusError(Code.NotFound, `${doing} the shim of "${id}": its record is missing`);
  }

  async #connect(id: string, endpoint: TaskEndpoint, signal: AbortSignal): Promise<ShimConnection> {
    const { namespace, budgets } = this.#context;
    return await connectShim({ id, endpoint, namespace, timeoutMs: budgets.connect }, signal);
  }

  async #reopen(id: string, signal: AbortSignal): Promise<Shim> {
    const { stateDir } = this.#context;
    const doing = `opening the shim of "${id}"`;
    const [endpoint, record] = [await readBootstrap(stateDir, id), await this.#record(id, "opening")];
    const connection = await this.#connect(id, endpoint, signal);
    const { pid, startTime } = connection.process;
    const known = record.process;
    if (known !== undefined && (known.pid !== pid || known.startTime !== startTime)) {
      await connection.client.close();
      throw new StatusError(Code.NotFound, `${doing}: process ${pid} answers where process ${known.pid} should`);
    }
    // Its own record was cut short: the daemon died between the shim's answer and the writing of its pid.
    if (known === undefined) await writeShimRecord(stateDir, id, { ...record, process: connection.process });
    const log = new ShimLog(join(bundlePath(stateDir, id), bundleFiles.log), id, this.#context.log);
    return this.#keep(id, record, endpoint, connection, log);
  }

  #keep(id: string, record: ShimRecord, endpoint: TaskEndpoint, connection: ShimConnection, log: ShimLog): Shim {
    const { client, tasks, process } = connection;
    const shim: Shim = {
      id,
      bundle: this.bundle(id),
      get endpoint() {
        return { ...endpoint, version: tasks.version };
      },
      process,
      options: record.options,
      runtimeType: record.runtimeType,
      tasks,
      closed: client.closed,
    };
    const open = { shim, connection, log };
    // One that was on its way when the daemon ended: the next daemon opens it.
    if (this.closing.aborted) void client.close();
    else this.#open.set(id, open);
    void this.#noteLoss(open);
    return shim;
  }

  async #noteLoss(open: OpenShim): Promise<void> {
    const { id, closed, process } = open.shim;
    const reason = await closed;
    open.log.close();
    if (this.#open.get(id) !== open) return;
    this.#open.delete(id);
    this.#context.log("warn", "shim connection lost", { taskId: id, pid: process.pid, error: reason.message });
  }

  /** After a failed start; its error is what the caller gets, and `remove` is what the caller does next. */
  async #takeBack(id: string): Promise<void> {
    const { log, budgets } = this.#context;
    const { connect, shutdown, kill, delete: deleteMs } = budgets;
    try {
      await removeShim(this.#context, id, undefined, AbortSignal.timeout(connect + shutdown + 2 * kill + deleteMs));
    } catch (error) {
      log("warn", "half a shim is left", { taskId: id, error: (error as Error).message });
    }
  }
}

function groupOf(specJson: string): string | undefined {
  const { annotations } = JSON.parse(specJson) as { readonly annotations?: Readonly<Record<string, string>> };
  for (const key of groupAnnotations) {
    const group = annotations?.[key];
    if (group !== undefined) return group;
  }
  return undefined;
}
