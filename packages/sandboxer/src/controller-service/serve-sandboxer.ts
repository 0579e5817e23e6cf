import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import type { StatusError } from "@crib/errdefs";

import { logToStderr } from "../log-to-stderr.ts";
import type { ControllerDeadlines, SandboxerLog } from "../sandboxes/types.ts";
import type { TaskApi } from "../tasks/types.ts";
import type { SandboxController } from "../types.ts";

/** What `serveSandboxer` is given. */
export interface SandboxerOptions {
  /** Name of the sandboxer, for its log. */
  readonly name: string;
  /** Where it is to be reached: `unix:///absolute/path`, or the path alone. */
  readonly address: string;
  /** Volatile directory for what is remembered of sandboxes. Absolute; made when it is missing; of one process at a time. */
  readonly stateDir: string;
  readonly controller: SandboxController;
  /** The task service of all pods, served on `STATE/task.sock` as long as this process lives. Without it, `controller.endpoint` says where tasks are served. */
  readonly tasks?: TaskApi;
  readonly deadlines?: Partial<ControllerDeadlines>;
  /** Default: JSON lines on the standard error stream. */
  readonly log?: SandboxerLog;
}

/** A sandboxer that serves. Disposing it leaves the sandboxes running: the next one over the same directory takes them over. */
export interface ServedSandboxer extends AsyncDisposable {
  /** As gRPC writes it: `unix:///path`. */
  readonly address: string;
  /** Settles when it does not serve any more. */
  readonly closed: Promise<void>;
  /** Records of earlier times that could not be read; they were set aside. */
  readonly unreadable: readonly { readonly id: string; readonly keptAs: string; readonly reason: StatusError }[];
}

/**
 * Serves `containerd.services.sandbox.v1.Controller` over gRPC from a controller, as crib (`[sandboxers.NAME]`), iSulad (`cri-sandboxers`) and containerd (proxy plugin) call
 * it. FailedPrecondition when another process serves from the same directory, AlreadyExists when somebody answers at the address.
 */
export async function serveSandboxer(options: SandboxerOptions): Promise<ServedSandboxer> {
  // Not before it is needed: shims import this package too, and gRPC would double the time they take to start.
  const [{ openSandboxes }, { serveController }, { lockFile }] = await Promise.all([
    import("./open-sandboxes.ts"),
    import("./serve-controller.ts"),
    import("@crib/linux"),
  ]);
  const { name, stateDir, log = logToStderr } = options;
  await using closing = new AsyncDisposableStack();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  closing.defer(resolve);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  closing.use(lockFile(join(stateDir, "lock")));
  const { sandboxes, records, unreadable } = await openSandboxes(options, log, closing);
  const path = options.address.replace(/^unix:(?:\/\/)?/, "");
  const address = await serveController(path, sandboxes, records, closing);
  log("info", "sandboxer serves", { sandboxer: name, address, sandboxes: sandboxes.size });
  const open = closing.move();
  return { address, closed, unreadable, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
