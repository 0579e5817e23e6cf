import { controllerSuite } from "@crib/sandboxer/testing";

import { needsShim, testShims } from "./testing/needs-shim.ts";
import { PodsandboxFixture } from "./testing/podsandbox-fixture.ts";

for (const { label, path } of testShims()) {
  controllerSuite(
    `podsandbox without pause, shim ${label}`,
    () => PodsandboxFixture.make({ pause: "auto", runtimePath: path }),
    { ...needsShim, hasProcess: false },
  );
  controllerSuite(
    `podsandbox with pause, shim ${label}`,
    () => PodsandboxFixture.make({ pause: "always", runtimePath: path }),
    { ...needsShim, hasProcess: true },
  );
}
