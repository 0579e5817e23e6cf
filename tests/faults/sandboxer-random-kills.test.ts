import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";
import { killAtRandom } from "./kill-at-random.ts";

const kills = 20;
const seed = 20_261_121;

const name = `${kills} kills at random instants of daemon, sandboxer, its task server and containers (seed ${seed})`;
test(name, needsRoot, async (t) => {
  await killAtRandom(t, { kills, seed, sandboxer: await startExampleSandboxer(t) });
});
