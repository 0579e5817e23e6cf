import { test } from "node:test";

import { killAtRandom } from "../faults/kill-at-random.ts";
import { needsRoot } from "../support/needs-root.ts";

const kills = Number(process.env["CRIB_SOAK_KILLS"] ?? 500);
const seed = Number(process.env["CRIB_SOAK_SEED"] ?? Date.now() % 1_000_000);

test(`${kills} kills at random instants of daemon, shims, pauses and containers (seed ${seed})`, needsRoot, (t) =>
  killAtRandom(t, { kills, seed }),
);
