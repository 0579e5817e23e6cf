import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import type { CreateTaskRequest } from "@crib/wire/task";

import { cleanUpRuncTask } from "../clean-up.ts";
import { mountRootfs } from "../mounts/mount-rootfs.ts";
import type { ResolvedOptions } from "../resolve-options.ts";
import { OciRuntime } from "../runtime/oci-runtime.ts";
import { runtimeSettings } from "../runtime/runtime-settings.ts";
import { openProcessIo } from "../stdio/open-process-io.ts";
import type { ProcessIo } from "../stdio/types.ts";
import { containerCgroup } from "./container-cgroup.ts";
import { RuncTask } from "./runc-task.ts";
import { TaskProcess } from "./task-process.ts";
import { taskDirectory, writeTaskRecord } from "./task-record.ts";

/** What has been made so far, and how to know it. */
interface Creation {
  readonly request: CreateTaskRequest;
  readonly directory: string;
  readonly runtime: OciRuntime;
  readonly init: TaskProcess;
  readonly cgroupsPath: string | undefined;
}

/**
 * Creates a container whose process waits for `start`. A call that fails leaves nothing behind, except what cannot be removed, which is
 * logged. Aborted, the runtime is killed.
 */
export async function createTask(
  options: ResolvedOptions,
  request: CreateTaskRequest,
  signal: AbortSignal,
): Promise<RuncTask> {
  const { id, bundle } = request;
  if (!bundle.startsWith("/")) {
    throw new StatusError(Code.InvalidArgument, `creating task "${id}": bundle "${bundle}" is not absolute`);
  }
  if (request.checkpoint !== "") {
    throw new StatusError(Code.Unimplemented, `creating task "${id}": checkpoints cannot be restored`);
  }
  const settings = runtimeSettings(options, request.options);
  const directory = taskDirectory(options, id);
  const runtime = new OciRuntime(settings, { id, directory, timeoutMs: options.callTimeoutMs });
  const init = new TaskProcess(`task "${id}"`, request);
  const { ownsPids, cgroupsPath } = readSpec(bundle);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => undoCreate(options, id));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await build({ request, directory, runtime, init, cgroupsPath }, signal);
  undo.move();
  const cgroup = containerCgroup(init.pid);
  const parts = { id, bundle, directory, runtime, init, ownsPids, cgroup, mountsRootfs: request.rootfs.length > 0 };
  return new RuncTask(parts, options.log);
}

async function build({ request, directory, runtime, init, cgroupsPath }: Creation, signal: AbortSignal): Promise<void> {
  const { bundle, rootfs } = request;
  const { binary, root, systemdCgroup } = runtime.settings;
  const record = { bundle, binary, root, systemdCgroup, mountsRootfs: rootfs.length > 0, cgroupsPath };
  writeTaskRecord(directory, { ...record, pid: 0 });
  await mountRootfs(rootfs, bundle);
  using streams = new DisposableStack();
  const io: ProcessIo = streams.use(await openProcessIo(request, runtime.settings));
  const { stdio, consoleSocket } = { stdio: io.fds, consoleSocket: io.consoleSocket };
  init.adopt(await runtime.create(bundle, { stdio, consoleSocket, signal }), "created");
  writeTaskRecord(directory, { ...record, pid: init.pid });
  await io.started(signal);
  init.attach(io);
  streams.move();
}

async function undoCreate(options: ResolvedOptions, id: string): Promise<void> {
  try {
    await cleanUpRuncTask(options, id);
  } catch (error) {
    options.log("error", "removing a task that could not be created", { taskId: id, error: String(error) });
  }
}

/** What has to be known of a bundle's spec: whether it makes a pid namespace, as containerd's shim decides it, and its cgroup. */
function readSpec(bundle: string): { readonly ownsPids: boolean; readonly cgroupsPath: string | undefined } {
  const file = join(bundle, "config.json");
  try {
    const { linux } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly linux?: {
        readonly namespaces?: readonly { readonly type?: unknown; readonly path?: unknown }[];
        readonly cgroupsPath?: unknown;
      };
    };
    const ownsPids = (linux?.namespaces ?? []).some(({ type, path = "" }) => type === "pid" && path === "");
    const { cgroupsPath = "" } = linux ?? {};
    return { ownsPids, cgroupsPath: typeof cgroupsPath === "string" && cgroupsPath !== "" ? cgroupsPath : undefined };
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new StatusError(Code.InvalidArgument, `reading "${file}": ${error.message}`, { cause: error });
    }
    throw StatusError.from(error, `reading "${file}"`);
  }
}
