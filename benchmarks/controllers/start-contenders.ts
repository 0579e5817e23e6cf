import { join } from "node:path";

import { importBenchImage } from "../containers/bench-image.ts";
import { makePodFiles } from "../containers/pod-request.ts";
import type { Scratch } from "../support/scratch.ts";
import { findContainerd, startContainerd } from "../support/start-containerd.ts";
import { startCrib } from "../support/start-crib.ts";
import type { Contender } from "./contender.ts";
import { startEmbeddedCrib } from "./start-embedded-crib.ts";
import { startExampleSandboxer } from "./start-example-sandboxer.ts";
import { findTaskServer, type TaskServerOwner } from "./task-server.ts";

const exampleShim = join(import.meta.dirname, "../../examples/sandbox-shim/containerd-shim-cribexample-v1");

/**
 * Starts crib with a handler for each controller, a program that embeds crib with a controller of its own, and containerd, if it is there, which comes
 * last. Disposing of `running` ends all.
 */
export async function startContenders(scratch: Scratch, running: AsyncDisposableStack): Promise<readonly Contender[]> {
  const found = findContainerd();
  const sandboxer = running.use(await startExampleSandboxer(scratch));
  const config = handlers(found?.shim ?? "", sandboxer.address);
  const crib = running.use(await startCrib(scratch, found?.shim ?? "", { config }));
  const embedded = running.use(await startEmbeddedCrib(scratch));
  const containerd = found && running.use(await startContainerd(scratch, found));
  const servers = [crib, embedded.server, ...(containerd ? [containerd] : [])];
  const [image = "", embeddedImage = "", containerdImage = ""] = await importBenchImage(scratch, servers);
  const files = makePodFiles(join(scratch.dir, "kubelet"));
  const none = (): readonly number[] => [];
  const ofCrib = { server: crib, image, files };
  return [
    { controller: "podsandbox, no pause", ...ofCrib, shared: none },
    { controller: "podsandbox, pause", ...ofCrib, handler: "paused", shared: none },
    { controller: "shim (example)", ...ofCrib, handler: "shim", shared: none },
    {
      controller: "sandboxer (example)",
      ...ofCrib,
      handler: "sandboxer",
      shared: () => [sandboxer.pid, ...taskServerOf(sandboxer)],
    },
    {
      controller: "in process (embedded)",
      server: embedded.server,
      image: embeddedImage,
      files,
      handler: "own",
      shared: () => taskServerOf(embedded),
    },
    ...(containerd
      ? [{ controller: "containerd", server: containerd, image: containerdImage, files, shared: none }]
      : []),
  ];
}

/** The handlers of crib beside its default one. */
function handlers(shim: string, sandboxer: string): string {
  return `
[runtimes.paused]
runtime_path = ${JSON.stringify(shim)}
pause = "always"
[runtimes.shim]
controller = "shim"
runtime_type = "io.containerd.cribexample.v1"
runtime_path = ${JSON.stringify(exampleShim)}
network = "parallel"
[runtimes.sandboxer]
controller = "namespaces"
[sandboxers.namespaces]
address = ${JSON.stringify(`unix://${sandboxer}`)}
`;
}

function taskServerOf(owner: TaskServerOwner): readonly number[] {
  const pid = findTaskServer(owner);
  return pid === undefined ? [] : [pid];
}
