import { ok } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";

import { endAfter } from "../support/end-after.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { testImage } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { needsRoot } from "../support/needs-root.ts";

/** Puts a link in the place of each `victim` directory of the store and takes it away again, for ever; says how often it did. */
const swapping = `
  const { readdirSync, renameSync, rmSync, symlinkSync } = require("node:fs");
  const [, snapshots, target] = process.argv;
  let swaps = 0;
  setInterval(() => process.stdout.write(swaps + "\\n"), 100);
  (function swap() {
    let names = [];
    try { names = readdirSync(snapshots); } catch {}
    for (const name of names.slice(-20)) {
      const victim = snapshots + "/" + name + "/fs/victim";
      try {
        renameSync(victim, victim + ".x");
        symlinkSync(target, victim);
        swaps++;
        for (const until = Date.now() + 1; Date.now() < until; );
        rmSync(victim);
        renameSync(victim + ".x", victim);
      } catch {}
    }
    setImmediate(swap);
  })();
`;

// CVE-2025-47290: what was checked is not what is used, when somebody swaps it in between.
test(
  "swapping directories for links while 1,000 layers unpack moves nothing out of the store",
  needsRoot,
  async (t) => {
    const target = await startImageNode(t);
    const swapper = startSwapper(target);
    let swaps = 0;
    swapper.stdout?.setEncoding("utf8").on("data", (text: string) => (swaps = Number(text.trim().split("\n").at(-1))));
    endAfter(t, async () => {
      swapper.kill("SIGKILL");
      if (swapper.exitCode === null && swapper.signalCode === null) await once(swapper, "exit");
      target.expectUnharmed();
    });
    let pulled = 0;
    for (let image = 0; image < 10; image++) {
      const id = await target.pull(testImage(layersOf(image))).catch(() => undefined);
      target.expectUnharmed();
      if (id === undefined) continue;
      pulled++;
      await target.images.remove(id);
    }
    t.diagnostic(`${swaps} swaps, ${pulled} of 10 images pulled all the same`);
    ok(swaps > 100, `only ${swaps} swaps`);
  },
);

function startSwapper({ node, canary }: ImageNode): ChildProcess {
  const args = ["-e", swapping, "--", join(node.root, "snapshots"), canary.subdir];
  return spawn("setpriv", ["--pdeathsig", "KILL", "--", process.execPath, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function layersOf(image: number): readonly ReturnType<typeof testLayer>[] {
  return Array.from({ length: 100 }, (_, layer) =>
    testLayer([
      { name: "victim", type: "directory" },
      { name: `victim/${image}-${layer}`, content: "x" },
      ...Array.from({ length: 5 }, (_, file) => ({ name: `victim/f${file}`, content: `${image}`, mode: 0o4777 })),
      { name: "victim/victim", content: "harmed" },
      { name: "victim", type: "directory", mode: 0o777 },
    ]),
  );
}
