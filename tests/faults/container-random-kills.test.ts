import { test } from "node:test";

import { needsRoot } from "../support/needs-root.ts";
import { killAtRandom } from "./kill-at-random.ts";

const kills = 60;
const seed = 20_261_121;

test(`${kills} kills at random instants of daemon, shims, pauses and containers (seed ${seed})`, needsRoot, (t) =>
  killAtRandom(t, { kills, seed }),
);
