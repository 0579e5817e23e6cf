import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { checkPodCidr } from "./pod-cidr.ts";

test("no network, one, or one of each family", () => {
  deepEqual(checkPodCidr(""), []);
  deepEqual(checkPodCidr("10.0.0.0/8"), ["10.0.0.0/8"]);
  deepEqual(checkPodCidr("fd00::/48,10.0.0.0/24"), ["fd00::/48", "10.0.0.0/24"]);
});

test("anything else is refused", () => {
  const wrong = [
    "10.0.0.0",
    "10.0.0.0/33",
    "fd00::/129",
    "/8",
    "10.0.0.0/8,10.1.0.0/16",
    "a/8",
    "10.0.0.0/-1",
    ",",
    "10.0.0.0/8,",
  ];
  for (const cidr of [...wrong, "10.0.0.0/8,fd00::/48,::/0", "10.0.0.0/8\n"]) {
    throws(() => checkPodCidr(cidr), { code: Code.InvalidArgument }, cidr);
  }
});
