import { closeSync, writeSync } from "node:fs";

import { createTtrpcServer } from "@crib/ttrpc";
import { Sandbox } from "@crib/wire/sandbox";

import { removeDirectory } from "../records/remove-directory.ts";
import { HostedSandboxes } from "../sandboxes/hosted-sandboxes.ts";
import { defaultDeadlines } from "../sandboxes/types.ts";
import { handleTasks, listenTtrpc } from "../task-service/serve-tasks.ts";
import type { TaskApi } from "../tasks/types.ts";
import { shimSandboxHandlers } from "./shim-sandbox-handlers.ts";
import { readyFd } from "./start-shim-server.ts";
import type { SandboxShimOptions, ShimContext, ShimTasks } from "./types.ts";

/** How long calls under way have when the process ends, in milliseconds: its last answer has to be sent. */
const drainMs = 50;

/** The life of a shim: serves the Sandbox API and the tasks of one pod at `socket` until the pod is shut down. Settles then. */
export async function serveShim(options: SandboxShimOptions, context: ShimContext, socket: string): Promise<void> {
  const { log } = context;
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const [controller, tasks] = await Promise.all([options.createController(context), options.createTasks(context)]);
  const endpoint = { protocol: "ttrpc", address: `unix://${socket}`, version: 3 } as const;
  const sandboxes = new HostedSandboxes({
    controller,
    // The bundle is the daemon's, and outlives this process; what it needs of it is in `sandbox.json`.
    records: { write: () => Promise.resolve(), remove: () => Promise.resolve() },
    endpointOf: () => Promise.resolve(endpoint),
    deadlines: { ...defaultDeadlines, ...options.deadlines },
    log,
    bootId: "",
  });
  const server = createTtrpcServer();
  server.handle(Sandbox, shimSandboxHandlers(sandboxes, context.bundle, end));
  handleTasks(server, endingWith(tasks, sandboxes, end));
  const close = await listenTtrpc(server, socket, drainMs);
  log("info", "shim serves", { sandboxId: context.sandboxId, pid: process.pid });
  // Who started this waits for it.
  writeSync(readyFd, "serving");
  closeSync(readyFd);
  await ended;
  await close();
  sandboxes.close();
  await tasks[Symbol.asyncDispose]?.();
  await removeDirectory(context.stateDir);
  log("info", "shim ends", { sandboxId: context.sandboxId });
}

/** A client may say after each container that the shim is needed no more; it is, as long as there is a sandbox or a task. */
function endingWith(tasks: ShimTasks, sandboxes: HostedSandboxes, end: () => void): TaskApi {
  const shutdown: TaskApi["shutdown"] = async (request, call) => {
    const answer = await tasks.shutdown(request, call);
    if (sandboxes.size === 0 && tasks.size === 0) end();
    return answer;
  };
  return new Proxy(tasks, {
    get: (target, name) => {
      if (name === "shutdown") return shutdown;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
