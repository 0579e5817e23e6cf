import { controllerSuite } from "@crib/sandboxer/testing";

import { ProxyFixture } from "./testing/proxy-fixture.ts";

/** One of the promises waits for what hangs; what the others call is answered in this process. */
const budgets = { stop: 2_000 };

controllerSuite("proxy, of sandboxes without a process", () => ProxyFixture.make({ budgets }), {
  hasProcess: false,
  withoutPeer: "pending",
});
controllerSuite("proxy, of sandboxes with a process", () => ProxyFixture.make({ hasProcess: true, budgets }), {
  hasProcess: true,
  withoutPeer: "pending",
});
