import { equal, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { removeDeadBridge } from "./remove-dead-bridge.ts";

const skip = process.getuid?.() === 0 ? false : "needs root to make interfaces";

test("a bridge that lost its only port and its address is removed, a living one is not", { skip }, (t) => {
  const bridge = `cdb${process.pid % 100_000}`;
  const ip = (...args: string[]): Buffer => execFileSync("ip", args, { stdio: "pipe" });
  t.after(() => {
    if (existsSync(`/sys/class/net/${bridge}`)) ip("link", "delete", bridge);
  });
  ip("link", "add", bridge, "type", "bridge");
  equal(removeDeadBridge(bridge), false, "it has the address it was born with");
  ip("link", "add", `${bridge}p`, "type", "veth", "peer", "name", `${bridge}q`);
  ip("link", "set", `${bridge}p`, "master", bridge);
  ip("link", "set", bridge, "up");
  equal(removeDeadBridge(bridge), false, "it has a port");
  ip("link", "delete", `${bridge}p`);
  equal(removeDeadBridge(bridge), true);
  equal(existsSync(`/sys/class/net/${bridge}`), false);
  equal(removeDeadBridge(bridge), false);
});

test("what is no bridge is left alone, what is no name is refused", () => {
  equal(removeDeadBridge("lo"), false);
  for (const name of ["", "../lo", "a b", "x".repeat(16)])
    throws(() => removeDeadBridge(name), { code: Code.InvalidArgument });
});
