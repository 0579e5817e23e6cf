// Runs a crib daemon inside this program, with a sandbox controller of the program's own, and a pod in it (root):
//
//   node examples/embed-crib.ts DIRECTORY [FLAG=VALUE...]
//
// DIRECTORY holds all that the daemon keeps. Flags are those of `crib serve`: cniConfDir=/etc/cni/net.d, ...
import { join } from "node:path";

import { connectCri, runPod } from "@crib/cri-client";
import { startCrib } from "crib";

import { NamespaceController } from "./namespace-sandboxer/namespace-controller.ts";
import { TaskServerProcess } from "./namespace-sandboxer/task-server-process.ts";

const [directory, ...flags] = process.argv.slice(2);
if (directory === undefined) throw new Error("expected a directory");
const stateDir = join(directory, "namespaces");

// The controller of examples/namespace-sandboxer, called without a wire between.
const tasks = new TaskServerProcess({ stateDir, runtime: "runc", sandboxer: "" });
const controller = new NamespaceController(stateDir, () => tasks.endpoint());

await using crib = await startCrib({
  config: `[runtimes.runc]\n[runtimes.mine]\ncontroller = "mine"\n`,
  flags: {
    root: join(directory, "root"),
    state: join(directory, "state"),
    ...Object.fromEntries(flags.map((flag) => flag.split("=", 2))),
  },
  controllers: { mine: controller },
});
await using cri = connectCri(crib.socket);
await using pod = await runPod(cri, { runtimeHandler: "mine" });
const { status } = await cri.runtime.podSandboxStatus({ podSandboxId: pod.id });
console.log(`pod of handler ${status?.runtimeHandler} has address ${pod.addresses[0]}`);
