/**
 * A program that has crib in it, and a sandbox controller of its own: `NamespaceController` of the example sandboxer, called without a wire between.
 *
 *   node embedded-crib.ts ROOT STATE CNI_CONF_DIR TASKS_DIR CONFIG
 *
 * Ends when it is told (SIGTERM); pods stay.
 */
import { once } from "node:events";

import { startCrib } from "crib";

import { NamespaceController } from "../../examples/namespace-sandboxer/namespace-controller.ts";
import { TaskServerProcess } from "../../examples/namespace-sandboxer/task-server-process.ts";

const [root = "", state = "", cniConfDir = "", tasksDir = "", config = ""] = process.argv.slice(2);
const tasks = new TaskServerProcess({ stateDir: tasksDir, runtime: "runc", sandboxer: "" });
const controller = new NamespaceController(tasksDir, () => tasks.endpoint());

await using _crib = await startCrib({
  config,
  flags: { root, state, cniConfDir, logLevel: "warn" },
  controllers: { own: controller },
  onLog: (line) => process.stderr.write(line),
});
await once(process, "SIGTERM");
