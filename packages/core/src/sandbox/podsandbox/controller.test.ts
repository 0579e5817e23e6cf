import { controllerSuite } from "../testing/controller-suite.ts";
import { needsShim } from "./testing/needs-shim.ts";
import { PodsandboxFixture } from "./testing/podsandbox-fixture.ts";

controllerSuite("podsandbox without pause", () => PodsandboxFixture.make({ pause: "auto" }), needsShim);
controllerSuite("podsandbox with pause", () => PodsandboxFixture.make({ pause: "always" }), needsShim);
