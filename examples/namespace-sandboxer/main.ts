/**
 * A sandboxer: one process for any number of pods, each isolated by namespaces, whose containers are run by runc.
 *
 *   node main.ts --address unix:///run/example/sandboxer.sock --state-dir /run/example
 *
 * Ending it (SIGTERM, or a crash) leaves pods running; the next one over the same directory takes them over.
 */
import { parseArgs } from "node:util";

import { serveSandboxer } from "@crib/sandboxer";

import { NamespaceController } from "./namespace-controller.ts";
import { TaskServerProcess } from "./task-server-process.ts";

const { values } = parseArgs({
  options: {
    address: { type: "string", default: "unix:///run/namespace-sandboxer/sandboxer.sock" },
    "state-dir": { type: "string", default: "/run/namespace-sandboxer" },
    runtime: { type: "string", default: "runc" },
  },
});
const { address, "state-dir": stateDir, runtime } = values;

const tasks = new TaskServerProcess({ stateDir, runtime, sandboxer: address });
const controller = new NamespaceController(stateDir, () => tasks.endpoint());
const sandboxer = await serveSandboxer({ name: "namespaces", address, stateDir, controller });

for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void sandboxer[Symbol.asyncDispose]());
await sandboxer.closed;
