import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { endAfter } from "../end-after.ts";
import { eventually } from "../eventually.ts";
import type { ImageNode } from "./image-node.ts";
import { testImage } from "./image.ts";
import { testLayer } from "./layer.ts";

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

/** What became of images that were pulled meanwhile. */
export interface SwappedPulls {
  readonly swaps: number;
  /** Images that were pulled all the same. */
  readonly pulled: number;
}

/** At least so many swaps, lest nothing was shown. */
const fewestSwaps = 100;

/** Pulls `images` images of 100 layers each, and more until there were swaps enough, while directories of the store turn into links to the canary and back; removes what could be pulled. */
export async function pullWhileSwapping(t: TestContext, target: ImageNode, images: number): Promise<SwappedPulls> {
  const swapper = startSwapper(target);
  let swaps = 0;
  swapper.stdout?.setEncoding("utf8").on("data", (text: string) => (swaps = Number(text.trim().split("\n").at(-1))));
  endAfter(t, async () => {
    swapper.kill("SIGKILL");
    if (swapper.exitCode === null && swapper.signalCode === null) await once(swapper, "exit");
    target.expectUnharmed();
  });
  let pulled = 0;
  const pullOne = async (image: number): Promise<void> => {
    const id = await target.pull(testImage(layersOf(image))).catch(() => undefined);
    target.expectUnharmed();
    if (id === undefined) return;
    pulled++;
    await target.images.remove(id);
  };
  for (let image = 0; image < images; image++) await pullOne(image);
  let more = images;
  await eventually(60_000, async () => {
    if (swaps > fewestSwaps) return;
    await pullOne(more++);
    throw new Error(`only ${swaps} swaps`);
  });
  return { swaps, pulled };
}

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
