/**
 * Serves the tasks of a namespace sandboxer. Started by that; ends when it is told (SIGTERM), or by itself when there is no task and its sandboxer has been
 * away for a while. Containers live on without it; the next one removes what is left of them.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

import { isServed, logToStderr, serveTasks } from "@crib/sandboxer";
import { cleanUpRuncTask, createRuncTasks, leftRuncTasks } from "@crib/sandboxer/runc";

const { values } = parseArgs({
  options: {
    "state-dir": { type: "string", default: "/run/namespace-sandboxer" },
    runtime: { type: "string", default: "runc" },
    sandboxer: { type: "string", default: "" },
    /** For how long the sandboxer may be away. */
    "idle-seconds": { type: "string", default: "60" },
  },
});
const stateDir = values["state-dir"];
const options = {
  binary: values.runtime,
  root: join(stateDir, "runc"),
  stateDir: join(stateDir, "runc-tasks"),
  log: logToStderr,
};

const left = await leftRuncTasks(options);
await using tasks = createRuncTasks(options);
await using server = await serveTasks({ path: join(stateDir, "task.sock"), tasks });
// Now that the socket is ours, what an earlier server has left is in nobody's hands.
for (const id of left) await cleanUpRuncTask(options, id);
logToStderr("info", "task server serves", { address: server.endpoint.address });

const told = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => told.abort());
const pauseMs = 1_000;
for (let awayMs = 0; awayMs < Number(values["idle-seconds"]) * 1_000 && !told.signal.aborted;) {
  await delay(pauseMs, undefined, { signal: told.signal }).catch(() => undefined);
  awayMs = tasks.size === 0 && !(await isServed(values.sandboxer)) ? awayMs + pauseMs : 0;
}
