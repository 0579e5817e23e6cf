import { join } from "node:path";

import type { TaskEndpoint } from "@crib/sandboxer";

import { bundleFiles, bundlePath, writeBundleFile } from "./bundle.ts";
import { packRuntimeOptions } from "./runtime-options.ts";
import { ShimCgroup } from "./shim-cgroup.ts";
import { ShimLog } from "./shim-log.ts";
import { type ShimRecord, writeBootstrap, writeShimRecord } from "./shim-record.ts";
import { encodeShimStdin, StdinForms } from "./shim-stdin.ts";
import { type ShimsContext, shimEnvironment } from "./shims-context.ts";
import { runShimStart } from "./start-shim.ts";
import type { ShimStart } from "./types.ts";

/** Runs `shim start` in bundles that exist. */
export class ShimRunner {
  readonly #context: ShimsContext;
  readonly #cgroup: ShimCgroup;
  readonly #stdinForms = new StdinForms();

  constructor(context: ShimsContext) {
    this.#context = context;
    this.#cgroup = new ShimCgroup(context.shimCgroup, context.log);
  }

  /**
   * Writes what the bundle has to tell a later daemon, starts the shim, and gives where it answers and its log, which is being read.
   * Errors of `runShimStart`.
   */
  async run(
    request: ShimStart,
    record: ShimRecord,
    signal: AbortSignal,
  ): Promise<{ readonly endpoint: TaskEndpoint; readonly log: ShimLog }> {
    const { id } = request;
    const { stateDir, namespace, daemonAddress, publishBinary, eventsAddress, budgets } = this.#context;
    const bundle = bundlePath(stateDir, id);
    const env = { ...shimEnvironment(this.#context, id), ...request.env };
    const log = new ShimLog(join(bundle, bundleFiles.log), id, this.#context.log);
    try {
      const [form, cgroupFiles] = await Promise.all([
        this.#stdinForms.of(record.binary, env, signal),
        this.#cgroup.files(),
        writeShimRecord(stateDir, id, record),
        writeBundleFile(stateDir, id, bundleFiles.binary, record.binary),
        ...Object.entries(request.files ?? {}).map(([name, text]) => writeBundleFile(stateDir, id, name, text)),
      ]);
      const options = packRuntimeOptions(record.runtimeType, record.options);
      const stdin = encodeShimStdin(form, { id, namespace, eventsAddress, daemonAddress, publishBinary, options });
      const endpoint = await runShimStart(
        { id, binary: record.binary, bundle, namespace, daemonAddress, publishBinary, env, deadlineMs: budgets.start },
        { stdin, cgroupFiles, refused: (file) => this.#cgroup.refused(file) },
        signal,
      );
      await writeBootstrap(stateDir, id, endpoint);
      return { endpoint, log };
    } catch (error) {
      log.close();
      throw error;
    }
  }
}
