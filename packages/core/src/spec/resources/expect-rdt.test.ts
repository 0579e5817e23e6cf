import { equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { RuntimeSpec } from "@crib/oci-spec";

import { expectRdt } from "./expect-rdt.ts";

test("RDT is wanted only of hosts that have it", () => {
  const plain: RuntimeSpec = { ociVersion: "1.0.2", root: { path: "/rootfs" }, linux: { namespaces: [] } };
  const wanting: RuntimeSpec = { ...plain, linux: { namespaces: [], intelRdt: { closID: "gold" } } };
  for (const rdt of [true, false]) equal(expectRdt(plain, "c", { rdt }), plain);
  equal(expectRdt(wanting, "c", { rdt: true }), wanting);
  throws(() => expectRdt(wanting, "c", { rdt: false }), {
    code: Code.FailedPrecondition,
    message: 'giving container "c" RDT: the host has no resctrl file system mounted',
  });
});
