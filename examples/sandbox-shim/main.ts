/**
 * A shim that serves the Sandbox API: one process for each pod, which is isolated by namespaces and whose containers are run by runc. A runtime
 * handler names it by its path (`runtime_path`), or as `io.containerd.cribexample.v1` when it is on PATH.
 */
import { runSandboxShim, type ShimContext } from "@crib/sandboxer/shim";

await runSandboxShim({
  name: "io.containerd.cribexample.v1",
  version: "1.0.0",
  async createController({ stateDir }) {
    const { NamespaceController } = await import("../namespace-sandboxer/namespace-controller.ts");
    // Nobody asks: the shim knows where it serves.
    return new NamespaceController(stateDir, () => Promise.reject(new Error("the tasks are served by the shim")));
  },
  async createTasks(context) {
    const { createRuncTasks } = await import("@crib/sandboxer/runc");
    return createRuncTasks({ ...runcOptions(context), onDispose: "end" });
  },
  async removeLeftTasks(context) {
    const { cleanUpRuncTask, leftRuncTasks } = await import("@crib/sandboxer/runc");
    const options = runcOptions(context);
    const ids = context.id === context.sandboxId ? await leftRuncTasks(options) : [context.id];
    for (const id of ids) await cleanUpRuncTask(options, id);
  },
});

function runcOptions({ stateDir, log }: ShimContext) {
  return { root: `${stateDir}/runc`, stateDir, log };
}
