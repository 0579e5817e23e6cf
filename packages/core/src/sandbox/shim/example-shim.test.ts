import { existsSync } from "node:fs";
import { join } from "node:path";

import { controllerSuite } from "@crib/sandboxer/testing";

import { needsRoot } from "./testing/needs-root.ts";
import { ShimFixture } from "./testing/shim-fixture.ts";

const runtimePath = join(import.meta.dirname, "../../../../../examples/sandbox-shim/containerd-shim-cribexample-v1");
const options = existsSync(runtimePath) ? needsRoot : { skip: "the example is not part of this package" };

controllerSuite(
  "example shim, namespaces without a process",
  () => ShimFixture.make({ runtimePath, hasBoundary: false }),
  {
    ...options,
    hasProcess: false,
    withoutPeer: "exited",
  },
);
controllerSuite("example shim, with a pause", () => ShimFixture.make({ runtimePath, change: { pidMode: "pod" } }), {
  ...options,
  hasProcess: true,
  withoutPeer: "exited",
});
