import { deepEqual, equal, ok } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";
import { searchCanary } from "../support/containers/search-canary.ts";
import { endAfter } from "../support/end-after.ts";
import { needsRoot } from "../support/needs-root.ts";

/** Exchanges a directory of a volume and a link to the host, as a container that shares the volume can, for ever. */
const swapping = `
  const { renameSync, rmSync } = require("node:fs");
  const [, volume] = process.argv;
  const wait = () => { for (const until = performance.now() + 0.05; performance.now() < until; ); };
  const move = (from, to) => {
    try {
      renameSync(volume + "/" + from, volume + "/" + to);
    } catch {
      // The runtime has made a directory in between.
      rmSync(volume + "/" + to, { recursive: true, force: true });
      renameSync(volume + "/" + from, volume + "/" + to);
    }
  };
  let swaps = 0;
  setInterval(() => process.stdout.write(swaps + "\\n"), 100);
  (function swap() {
    for (let round = 0; round < 50; round++) {
      move("place", "directory");
      move("link", "place");
      wait();
      move("place", "link");
      move("directory", "place");
      wait();
      swaps++;
    }
    setImmediate(swap);
  })();
`;
const rounds = 20;

// CVE-2021-30465, CVE-2023-27561
test(
  "a place that turns into a link while something is mounted there leads to nothing of the host",
  needsRoot,
  async (t) => {
    const scene = await startContainerNode(t);
    const { canary, node } = scene;
    const volume = join(node.lane.dir, "volume");
    const other = join(node.lane.dir, "other");
    for (const dir of [join(volume, "place", "etc"), other]) mkdirSync(dir, { recursive: true });
    writeFileSync(join(other, "expected"), "");
    const pod = await node.runPod();
    const maker = await scene.runContainer(pod, {
      change: (config) => ({ ...config, mounts: [{ containerPath: "/volume", hostPath: volume }] }),
    });
    await maker.sh(`ln -s ${canary.dir} /volume/link`);
    const swapper = startSwapper(volume);
    let swaps = 0;
    swapper.stdout?.setEncoding("utf8").on("data", (text: string) => (swaps = Number(text.trim().split("\n").at(-1))));
    endAfter(t, async () => {
      swapper.kill("SIGKILL");
      if (swapper.exitCode === null && swapper.signalCode === null) await once(swapper, "exit");
      scene.expectUnharmed();
    });
    let started = 0;
    for (let round = 0; round < rounds; round++) {
      const container = await scene.createContainer(pod, {
        script: searchCanary,
        change: (config) => ({
          ...config,
          mounts: [
            { containerPath: "/volume", hostPath: volume },
            // There in both, so that a runtime has nothing to make.
            { containerPath: "/volume/place/etc", hostPath: other },
          ],
        }),
      });
      // That it cannot be started is as good.
      const isStarted = await container.start().then(
        () => true,
        () => false,
      );
      if (isStarted) {
        equal((await container.ended(30_000)).exitCode, 0);
        started++;
      }
      await container.remove();
      scene.expectUnharmed();
      deepEqual(mountsBelow(canary.dir), []);
    }
    t.diagnostic(`${swaps} swaps, ${started} of ${rounds} containers started`);
    ok(swaps > 100, `only ${swaps} swaps`);
  },
);

function startSwapper(volume: string): ChildProcess {
  return spawn("setpriv", ["--pdeathsig", "KILL", "--", process.execPath, "-e", swapping, "--", volume], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** Places of the host below a directory where something is mounted. */
function mountsBelow(dir: string): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path.startsWith(dir));
}
