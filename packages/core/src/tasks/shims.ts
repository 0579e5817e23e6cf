import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";

import { bundleFiles, bundlePath, createBundle, listBundles, readBundleFile, writeBundleFile } from "./bundle.ts";
import { removeShim } from "./remove-shim.ts";
import { findRuntimeBinary } from "./runtime-binary.ts";
import { packRuntimeOptions } from "./runtime-options.ts";
import { ShimCgroup } from "./shim-cgroup.ts";
import { connectShim, type ShimConnection } from "./shim-connection.ts";
import { ShimLog } from "./shim-log.ts";
import {
  findBootstrap,
  readBootstrap,
  readShimRecord,
  type ShimRecord,
  writeBootstrap,
  writeShimRecord,
} from "./shim-record.ts";
import { groupAnnotations, shimSocketPath } from "./shim-socket.ts";
import { encodeShimStdin, StdinForms } from "./shim-stdin.ts";
import { resolveShimsOptions, type ShimsContext, shimEnvironment } from "./shims-context.ts";
import { runShimStart } from "./start-shim.ts";
import { checkTaskId } from "./task-id.ts";
import { Turns } from "./turns.ts";
import type { Shim, ShimDescription, Shims, ShimsOptions, ShimStart } from "./types.ts";

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
  readonly #cgroup: ShimCgroup;
  readonly #stdinForms = new StdinForms();
  readonly #open = new Map<string, OpenShim>();
  readonly #turns = new Turns();
  #isClosed = false;

  constructor(context: ShimsContext) {
    this.#context = context;
    this.#cgroup = new ShimCgroup(context.shimCgroup, context.log);
  }

  async start(request: ShimStart, signal: AbortSignal): Promise<Shim> {
    checkTaskId(request.id);
    return await this.#turns.take(request.id, async () => {
      signal.throwIfAborted();
      if (this.#isClosed) throw new StatusError(Code.Canceled, `starting the shim of "${request.id}": the daemon ends`);
      const record = await this.#plan(request);
      const bundle = await createBundle(this.#context.stateDir, request.id, request.specJson);
      try {
        return await this.#startIn(bundle, request, record, signal);
      } catch (error) {
        await this.#takeBack(request.id);
        throw error;
      }
    });
  }

  async open(id: string, signal: AbortSignal): Promise<Shim> {
    checkTaskId(id);
    return await this.#turns.take(id, async () => {
      signal.throwIfAborted();
      if (this.#isClosed) throw new StatusError(Code.Canceled, `opening the shim of "${id}": the daemon ends`);
      return this.#open.get(id)?.shim ?? (await this.#reopen(id, signal));
    });
  }

  async remove(id: string, signal: AbortSignal): Promise<void> {
    checkTaskId(id);
    await this.#turns.take(id, async () => {
      const open = this.#open.get(id);
      this.#open.delete(id); // from here on its end is no surprise
      await removeShim(this.#context, id, open?.connection, signal);
    });
  }

  async list(): Promise<readonly string[]> {
    return await listBundles(this.#context.stateDir);
  }

  async spec(id: string): Promise<string | undefined> {
    return await readBundleFile(this.#context.stateDir, id, bundleFiles.spec);
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
    this.#isClosed = true;
    for (const { connection } of this.#open.values()) void connection.client.close();
    this.#open.clear();
  }

  async #plan(request: ShimStart): Promise<ShimRecord> {
    const { id, runtimeType, options } = request;
    const { daemonAddress, namespace, runtimeDirs } = this.#context;
    packRuntimeOptions(runtimeType, options); // refuses bad options before anything is made
    const binary = await findRuntimeBinary(request, { path: this.#context.path, dirs: runtimeDirs });
    const socket = shimSocketPath(daemonAddress, namespace, groupOf(request.specJson) ?? id);
    return { runtimeType, options, binary, socket };
  }

  async #startIn(bundle: string, request: ShimStart, record: ShimRecord, signal: AbortSignal): Promise<Shim> {
    const { id } = request;
    const { stateDir, namespace, daemonAddress, publishBinary, eventsAddress, budgets } = this.#context;
    const env = { ...shimEnvironment(this.#context, id), ...request.env };
    const log = new ShimLog(join(bundle, bundleFiles.log), id, this.#context.log);
    try {
      const [form, cgroupFiles] = await Promise.all([
        this.#stdinForms.of(record.binary, env, signal),
        this.#cgroup.files(),
        writeShimRecord(stateDir, id, record),
        writeBundleFile(stateDir, id, bundleFiles.binary, record.binary),
      ]);
      const options = packRuntimeOptions(record.runtimeType, record.options);
      const stdin = encodeShimStdin(form, { id, namespace, eventsAddress, daemonAddress, publishBinary, options });
      const endpoint = await runShimStart(
        { id, binary: record.binary, bundle, namespace, daemonAddress, publishBinary, env, deadlineMs: budgets.start },
        { stdin, cgroupFiles, refused: (file) => this.#cgroup.refused(file) },
        signal,
      );
      await writeBootstrap(stateDir, id, endpoint);
      const connection = await this.#connect(id, endpoint, signal);
      await writeShimRecord(stateDir, id, { ...record, process: connection.process });
      return this.#keep(id, record, endpoint, connection, log);
    } catch (error) {
      log.close();
      throw error;
    }
  }

  async #connect(id: string, endpoint: TaskEndpoint, signal: AbortSignal): Promise<ShimConnection> {
    const { namespace, budgets } = this.#context;
    return await connectShim({ id, endpoint, namespace, timeoutMs: budgets.connect }, signal);
  }

  async #reopen(id: string, signal: AbortSignal): Promise<Shim> {
    const { stateDir } = this.#context;
    const doing = `opening the shim of "${id}"`;
    const [endpoint, record] = [await readBootstrap(stateDir, id), await readShimRecord(stateDir, id)];
    if (record === undefined) throw new StatusError(Code.NotFound, `${doing}: its record is missing`);
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
    if (this.#isClosed) void client.close();
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
