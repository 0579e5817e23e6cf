import { controllerSuite } from "@crib/sandboxer/testing";

import { needsRoot } from "./testing/needs-root.ts";
import { ShimFixture } from "./testing/shim-fixture.ts";

controllerSuite("shim over ttrpc, version 3", () => ShimFixture.make(), {
  ...needsRoot,
  hasProcess: true,
  withoutPeer: "exited",
});
controllerSuite(
  "shim over gRPC, with a specification",
  () => ShimFixture.make({ faults: { protocol: "grpc", spec: true } }),
  { ...needsRoot, hasProcess: true, withoutPeer: "exited" },
);
