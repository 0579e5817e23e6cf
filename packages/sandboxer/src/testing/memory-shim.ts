/** A shim whose boundaries are in memory, for tests: `node memory-shim.ts FLAGS start`. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";

import { TaskV3 } from "@crib/wire/task";

import { runSandboxShim, type ShimTasks } from "../shim/index.ts";
import { FakeController } from "./fake-controller.ts";

const dir = process.env["MEMORY_SHIM_DIR"] ?? "";

/** Has no tasks, and answers as if it did what it is told. */
const memoryTasks = Object.fromEntries(
  Object.keys(TaskV3.method).map((name) => [name, () => Promise.resolve({ shimPid: process.pid })]),
) as unknown as ShimTasks;
Object.assign(memoryTasks, { size: 0 });

class NotingController extends FakeController {
  override async shutdown(id: string, signal: AbortSignal): Promise<void> {
    appendFileSync(join(dir, "shut-down"), `${id}\n`);
    await super.shutdown(id, signal);
  }
}

await runSandboxShim({
  name: "io.containerd.memory.v1",
  version: "1.2.3",
  socketDir: join(dir, "s"),
  stateDir: join(dir, "d"),
  createController: ({ id }) => {
    if (id === "refused") throw new Error("no boundary for refused ones");
    return new NotingController();
  },
  createTasks: () => memoryTasks,
  removeLeftTasks: ({ id }) => Promise.resolve(appendFileSync(join(dir, "removed"), `${id}\n`)),
});
