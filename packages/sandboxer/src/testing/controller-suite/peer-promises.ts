import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import type { Sandbox } from "../../types.ts";
import { AwakeTime } from "./awake-time.ts";
import { type ControllerFixture, type ControllerPeer, grace, type Promising } from "./controller-fixture.ts";

/** What holds where another process holds a sandbox, and its death is the sandbox's: it may die, or hang, at any time. */
export function peerPromises(promise: Promising): void {
  const withPeer = casesWithPeer(promise);

  withPeer("a peer that dies before the start fails it, and leaves nothing", async ({ fixture, peer, sandbox }, t) => {
    const { controller } = fixture;
    await peer.kill(sandbox);
    await rejects(controller.start(sandbox.id, t.signal));
    await controller.stop(sandbox.id, grace, t.signal);
    await controller.shutdown(sandbox.id, t.signal);
    deepEqual(await fixture.leftovers(sandbox), []);
  });

  withPeer("a ready sandbox whose peer dies is exited at once", async ({ fixture, peer, sandbox }, t) => {
    const { controller } = fixture;
    await controller.start(sandbox.id, t.signal);
    const wait = controller.wait(sandbox.id, t.signal);
    await peer.kill(sandbox);
    using awake = new AwakeTime();
    const state = async (): Promise<string> =>
      (await controller.status(sandbox.id, { verbose: false }, t.signal)).state;
    while ((await state()) !== "exited" && awake.ms < 1_000) await delay(10);
    equal(await state(), "exited");
    notEqual((await wait).exitCode, 0);
    await controller.stop(sandbox.id, grace, t.signal);
    await controller.shutdown(sandbox.id, t.signal);
    await wait;
    deepEqual(await fixture.leftovers(sandbox), []);
  });

  withPeer("a peer that hangs holds up neither status nor the end", async ({ fixture, peer, sandbox }, t) => {
    const { controller } = fixture;
    await controller.start(sandbox.id, t.signal);
    using _frozen = await peer.freeze(sandbox);
    using awake = new AwakeTime();
    await controller.status(sandbox.id, { verbose: false }, t.signal);
    ok(awake.ms < 1_000, "status waits for the peer");
    await controller.stop(sandbox.id, { graceMs: 100 }, t.signal);
    await controller.shutdown(sandbox.id, t.signal);
    deepEqual(await fixture.leftovers(sandbox), []);
  });

  withPeer("a peer that hangs does not hold up the start of a daemon", async ({ fixture, peer, sandbox }, t) => {
    const instance = await fixture.controller.start(sandbox.id, t.signal);
    const next = await fixture.restart();
    using _frozen = await peer.freeze(sandbox);
    using awake = new AwakeTime();
    await next.adopt(sandbox, instance, t.signal).catch(() => undefined);
    ok(awake.ms < 5_000, "the daemon waits for the peer");
    await next.stop(sandbox.id, { graceMs: 100 }, t.signal);
    await next.shutdown(sandbox.id, t.signal);
    deepEqual(await fixture.leftovers(sandbox), []);
  });
}

/** Makes tests of promises that need a peer: each gets a sandbox that was created. */
export function casesWithPeer(
  promise: Promising,
): (name: string, body: (it: PeerCase, t: TestContext) => Promise<void>) => void {
  return (name, body) =>
    promise(name, async (fixture, t) => {
      const { peer } = fixture;
      if (peer === undefined) throw new Error("the fixture has no peer");
      const sandbox = await fixture.sandbox();
      await fixture.controller.create(sandbox, t.signal);
      await body({ fixture, peer, sandbox }, t);
    });
}

/** A sandbox that was created, and the peer behind it. */
export interface PeerCase {
  readonly fixture: ControllerFixture;
  readonly peer: ControllerPeer;
  readonly sandbox: Sandbox;
}
