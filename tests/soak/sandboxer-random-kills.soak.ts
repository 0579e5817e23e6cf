import { test } from "node:test";

import { killAtRandom } from "../faults/kill-at-random.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";

const kills = Number(process.env["CRIB_SOAK_KILLS"] ?? 300);
const seed = Number(process.env["CRIB_SOAK_SEED"] ?? Date.now() % 1_000_000);

const name = `${kills} kills at random instants of daemon, sandboxer, its task server and containers (seed ${seed})`;
test(name, needsRoot, async (t) => {
  await killAtRandom(t, { kills, seed, sandboxer: await startExampleSandboxer(t) });
});
