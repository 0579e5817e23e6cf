import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode } from "@crib/errdefs";

import { AwakeTime } from "./awake-time.ts";
import { grace, type Promising } from "./controller-fixture.ts";
import { casesWithPeer, type PeerCase } from "./peer-promises.ts";

/** No promise: what a peer that is back has to be found again. */
const patientMs = 60_000;

/** What holds where one process makes many sandboxes that outlive it: while it is away nobody can tell of them, and none has ended. */
export function lostPeerPromises(promise: Promising): void {
  const withPeer = casesWithPeer(promise);

  withPeer("a peer that dies before the start fails it, and leaves nothing once it is back", async (it, t) => {
    const { controller } = it.fixture;
    await it.peer.kill(it.sandbox);
    await rejects(controller.start(it.sandbox.id, t.signal), { code: Code.Unavailable });
    await it.peer.revive?.();
    await endAtLast(it, t.signal);
  });

  withPeer("a ready sandbox whose peer dies is pending at once, and ready when it is back", async (it, t) => {
    const { controller } = it.fixture;
    const { id } = it.sandbox;
    await controller.start(id, t.signal);
    const wait = controller.wait(id, t.signal);
    await it.peer.kill(it.sandbox);
    await becomes(it, "pending", 1_000, t.signal);
    await rejects(controller.stop(id, grace, t.signal), { code: Code.Unavailable });
    await it.peer.revive?.();
    await becomes(it, "ready", patientMs, t.signal);
    await endAtLast(it, t.signal);
    await wait;
  });

  withPeer("a sandbox whose peer is away is adopted as pending, and can be ended when it is back", async (it, t) => {
    const instance = await it.fixture.controller.start(it.sandbox.id, t.signal);
    const next = await it.fixture.restart();
    await it.peer.kill(it.sandbox);
    equal((await next.adopt(it.sandbox, instance, t.signal)).state, "pending");
    const wait = next.wait(it.sandbox.id, t.signal);
    await it.peer.revive?.();
    await becomes(it, "ready", patientMs, t.signal);
    await endAtLast(it, t.signal);
    await wait;
  });

  withPeer("a peer that hangs fails calls in time, and the start of a daemon does not wait for it", async (it, t) => {
    const { id } = it.sandbox;
    const instance = await it.fixture.controller.start(id, t.signal);
    const next = await it.fixture.restart();
    {
      using _frozen = await it.peer.freeze(it.sandbox);
      using awake = new AwakeTime();
      equal((await next.adopt(it.sandbox, instance, t.signal)).state, "pending");
      ok(awake.ms < 5_000, "the daemon waits for the peer");
      await rejects(next.stop(id, { graceMs: 100 }, t.signal), { code: Code.DeadlineExceeded });
    }
    await becomes(it, "ready", patientMs, t.signal);
    await endAtLast(it, t.signal);
  });
}

async function becomes(
  { fixture, sandbox }: PeerCase,
  wanted: string,
  withinMs: number,
  signal: AbortSignal,
): Promise<void> {
  using awake = new AwakeTime();
  const state = async (): Promise<string> =>
    (await fixture.controller.status(sandbox.id, { verbose: false }, signal)).state;
  while ((await state()) !== wanted && awake.ms < withinMs) await delay(10);
  equal(await state(), wanted);
}

/** Stops and shuts down, as often as it takes: a peer that is back may be reached a moment later. */
async function endAtLast({ fixture, sandbox }: PeerCase, signal: AbortSignal): Promise<void> {
  const end = performance.now() + patientMs;
  for (;;) {
    try {
      await fixture.controller.stop(sandbox.id, grace, signal);
      await fixture.controller.shutdown(sandbox.id, signal);
      break;
    } catch (reason) {
      if (!hasCode(reason, Code.Unavailable) || performance.now() > end) throw reason;
      await delay(20);
    }
  }
  deepEqual(await fixture.leftovers(sandbox), []);
}
