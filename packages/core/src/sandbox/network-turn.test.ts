import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { ControllerDeclaration } from "@crib/sandboxer";

import { withNetworkTurn } from "./network-turn.ts";

const proxy: ControllerDeclaration = { netns: "crib", network: "before-start" };

test("the pod's wish comes before the handler's, and that before the controller's", () => {
  equal(withNetworkTurn(proxy, undefined, {}).network, "before-start");
  equal(withNetworkTurn(proxy, "after-start", {}).network, "after-start");
  for (const turn of ["before-create", "before-start", "after-start"] as const) {
    equal(withNetworkTurn(proxy, "before-start", { "dev.crib/network-turn": turn }).network, turn);
  }
});

test("iSulad's annotation asks for the network first, with true alone", () => {
  const name = "cri.sandbox.network.setup.v2";
  equal(withNetworkTurn(proxy, undefined, { [name]: "true" }).network, "before-create");
  equal(withNetworkTurn(proxy, undefined, { [name]: "yes" }).network, "before-start");
  const both = { [name]: "true", "dev.crib/network-turn": "after-start" };
  equal(withNetworkTurn(proxy, undefined, both).network, "after-start");
});

test("an unknown turn is refused by name, whatever the controller", () => {
  const wish = { "dev.crib/network-turn": "never" };
  const expected = {
    code: Code.InvalidArgument,
    message: /"dev.crib\/network-turn": "never" is none of before-create/,
  };
  throws(() => withNetworkTurn(proxy, undefined, wish), expected);
  throws(() => withNetworkTurn({ ...proxy, network: "parallel" }, undefined, wish), expected);
});

test("a controller that does not care is not asked to, and one that makes the namespace cannot be too late", () => {
  const wish = { "dev.crib/network-turn": "before-create" };
  equal(withNetworkTurn({ ...proxy, network: "parallel" }, undefined, wish).network, "parallel");
  const own: ControllerDeclaration = { netns: "controller", network: "after-start" };
  throws(() => withNetworkTurn(own, undefined, wish), { code: Code.InvalidArgument, message: /too early/ });
  equal(withNetworkTurn(own, undefined, { "dev.crib/network-turn": "after-start" }).network, "after-start");
});
