import { controllerSuite } from "@crib/sandboxer/testing";

import { ProxyFixture } from "./testing/proxy-fixture.ts";

controllerSuite("proxy, of sandboxes without a process", () => ProxyFixture.make(), {
  hasProcess: false,
  withoutPeer: "pending",
});
controllerSuite("proxy, of sandboxes with a process", () => ProxyFixture.make({ hasProcess: true }), {
  hasProcess: true,
  withoutPeer: "pending",
});
