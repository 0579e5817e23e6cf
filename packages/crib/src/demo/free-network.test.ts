import { equal, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { findFreeNetwork, removeBridge } from "./free-network.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

test("a bridge that exists is left alone: the next number is taken", { skip }, async (t) => {
  const stem = `f${randomBytes(3).toString("hex")}x`;
  execFileSync("ip", ["link", "add", `${stem}0`, "type", "bridge"]);
  t.after(() => removeBridge(`${stem}0`));
  const network = await findFreeNetwork(`${stem}0`, "10.253.0.0/24");
  equal(network.bridge, `${stem}1`);
  equal(network.subnet, "10.253.0.0/24");
});

test("a range that the host has a route into is refused when it was asked for", { skip }, async (t) => {
  const bridge = `f${randomBytes(3).toString("hex")}y0`;
  execFileSync("ip", ["link", "add", bridge, "type", "bridge"]);
  t.after(() => removeBridge(bridge));
  execFileSync("ip", ["address", "add", "10.252.7.1/24", "dev", bridge]);
  execFileSync("ip", ["link", "set", bridge, "up"]);
  await rejects(findFreeNetwork("crib-none0", "10.252.0.0/16"), { code: Code.FailedPrecondition });
});

test("removing a bridge that is gone succeeds", async () => {
  await removeBridge("crib-none0");
});
