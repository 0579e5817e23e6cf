import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { needsRoot } from "../support/needs-root.ts";

const gibibytes = Number(process.env["CRIB_SOAK_EXEC_GIB"] ?? 10);

/** Milliseconds for one GiB on a busy machine. */
const patienceMs = 60_000;

test(
  `a command that writes ${gibibytes} GiB takes no more memory than one that writes 16 MiB`,
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t);
    const { node } = scene;
    const container = await scene.runContainer(await node.runPod());
    const memory = watchPeakMemory(node.daemon.pid);
    const cmd = ["dd", "if=/dev/zero", "bs=1M", `count=${gibibytes * 1024}`];
    const began = performance.now();
    const { stdout, exitCode } = await node.cri.runtime.execSync(
      { containerId: container.id, cmd },
      { timeoutMs: gibibytes * patienceMs },
    );
    equal(exitCode, 0);
    ok(stdout.length <= 16 * 2 ** 20);
    t.diagnostic(`${Math.round(performance.now() - began)} ms, ${Math.round(memory.growth())} MiB more at the peak`);
    ok(memory.growth() < 160, `${memory.growth()} MiB`);
  },
);
