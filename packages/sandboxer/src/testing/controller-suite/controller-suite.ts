import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import type { NamespacePaths } from "../../types.ts";
import { AwakeTime } from "./awake-time.ts";
import { type ControllerFixture, type ControllerSuiteOptions, grace, type Promising } from "./controller-fixture.ts";
import { lostPeerPromises } from "./lost-peer-promises.ts";
import { peerPromises } from "./peer-promises.ts";

const unknownId = "f".repeat(64);

/** Runs the promises of `SandboxController` against one implementation. `options` may skip, with the reason. */
export function controllerSuite(
  label: string,
  make: (t: TestContext) => Promise<ControllerFixture>,
  options: ControllerSuiteOptions,
): void {
  // They mostly wait for processes; a few at a time do not disturb each other.
  suite(label, { concurrency: 4 }, () => {
    const promise: Promising = (name, body) => {
      test(name, options, async (t) => {
        await using fixture = await make(t);
        await body(fixture, t);
      });
    };

    promise("a sandbox lives from create to shutdown and leaves nothing", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      const { id } = sandbox;
      await controller.create(sandbox, t.signal);
      equal((await controller.status(id, { verbose: false }, t.signal)).state, "created");
      const instance = await controller.start(id, t.signal);
      for (const [kind, path] of Object.entries(sandbox.namespaces)) {
        equal(instance.namespaces[kind as keyof NamespacePaths], path, kind);
      }
      // What crib did not make, containers find by a path or by the process.
      for (const kind of ["net", "ipc", "uts"] as const) ok(instance.namespaces[kind] ?? instance.process, kind);
      ok(Math.abs(Date.now() - instance.createdAt.getTime()) < 60_000);
      const status = await controller.status(id, { verbose: false }, t.signal);
      equal(status.state, "ready");
      deepEqual(status.process, instance.process);
      equal(instance.process !== undefined, options.hasProcess);
      await controller.stop(id, grace, t.signal);
      const stopped = await controller.status(id, { verbose: false }, t.signal);
      equal(stopped.state, "exited");
      deepEqual(await controller.wait(id, t.signal), stopped.exit);
      await controller.shutdown(id, t.signal);
      await rejects(controller.status(id, { verbose: false }, t.signal), { code: Code.NotFound });
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a repeated id is AlreadyExists and does no harm to the first", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      await rejects(controller.create(sandbox, t.signal), { code: Code.AlreadyExists });
      await controller.start(sandbox.id, t.signal);
      await rejects(controller.create(sandbox, t.signal), { code: Code.AlreadyExists });
      equal((await controller.status(sandbox.id, { verbose: false }, t.signal)).state, "ready");
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("an unknown id is NotFound, except to stop and shutdown", async ({ controller }, t) => {
      const calls: readonly Promise<unknown>[] = [
        controller.start(unknownId, t.signal),
        controller.status(unknownId, { verbose: true }, t.signal),
        controller.wait(unknownId, t.signal),
        controller.endpoint(unknownId, t.signal),
        controller.platform(unknownId, t.signal),
        controller.metrics(unknownId, t.signal),
        controller.update(unknownId, {}, t.signal),
      ];
      await Promise.all(calls.map((call) => rejects(call, { code: Code.NotFound, message: new RegExp(unknownId) })));
      await controller.stop(unknownId, grace, t.signal);
      await controller.shutdown(unknownId, t.signal);
    });

    promise("shutdown ends a half-made sandbox, may be repeated, and frees the id", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
      await controller.create(sandbox, t.signal);
      await controller.start(sandbox.id, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("stop may be repeated, and comes before as well as after start", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      await controller.stop(sandbox.id, grace, t.signal);
      await controller.stop(sandbox.id, grace, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("many wait, one gives up alone, and a late one learns the same", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      await controller.start(sandbox.id, t.signal);
      const impatient = new AbortController();
      const waits = [controller.wait(sandbox.id, t.signal), controller.wait(sandbox.id, t.signal)];
      const given = rejects(controller.wait(sandbox.id, impatient.signal));
      impatient.abort();
      await given;
      await controller.stop(sandbox.id, grace, t.signal);
      const [first, second] = await Promise.all(waits);
      deepEqual(first, second);
      deepEqual(await controller.wait(sandbox.id, t.signal), first);
      await controller.shutdown(sandbox.id, t.signal);
    });

    const ownEnd = options.hasProcess ? promise : (): void => undefined;
    ownEnd("wait settles by itself within a second when the boundary is taken away", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      await controller.start(sandbox.id, t.signal);
      const wait = controller.wait(sandbox.id, t.signal);
      await fixture.destroyBoundary(sandbox);
      using awake = new AwakeTime();
      const exit = await wait;
      ok(awake.ms < 1_000, "noticed too late");
      notEqual(exit.exitCode, 0);
      equal((await controller.status(sandbox.id, { verbose: false }, t.signal)).state, "exited");
      await controller.stop(sandbox.id, grace, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("the endpoint is one for all callers and stays the same", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      const instance = await controller.start(sandbox.id, t.signal);
      const [first, second] = await Promise.all([
        controller.endpoint(sandbox.id, t.signal),
        controller.endpoint(sandbox.id, t.signal),
      ]);
      deepEqual(first, second);
      ok(first.version === 2 || first.version === 3);
      ok(/^(?:unix|vsock|hvsock):\/\//.test(first.address));
      const next = await fixture.restart();
      await next.adopt(sandbox, instance, t.signal);
      deepEqual(await next.endpoint(sandbox.id, t.signal), first);
      await next.stop(sandbox.id, grace, t.signal);
      await next.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a later daemon adopts a running sandbox, waits for it and ends it", async (fixture, t) => {
      const sandbox = await fixture.sandbox();
      await fixture.controller.create(sandbox, t.signal);
      const instance = await fixture.controller.start(sandbox.id, t.signal);
      const next = await fixture.restart();
      const status = await next.adopt(sandbox, instance, t.signal);
      equal(status.state, "ready");
      deepEqual(status.process, instance.process);
      equal((await next.adopt(sandbox, instance, t.signal)).state, "ready");
      const wait = next.wait(sandbox.id, t.signal);
      await next.stop(sandbox.id, grace, t.signal);
      await wait;
      await next.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a boundary that ended while no daemon ran is adopted as exited", async (fixture, t) => {
      const sandbox = await fixture.sandbox();
      await fixture.controller.create(sandbox, t.signal);
      const instance = await fixture.controller.start(sandbox.id, t.signal);
      const next = await fixture.restart();
      await fixture.destroyBoundary(sandbox);
      const status = await next.adopt(sandbox, instance, t.signal);
      equal(status.state, "exited");
      deepEqual(await next.wait(sandbox.id, t.signal), status.exit);
      await next.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a later daemon stops and shuts down what it was never told of", async (fixture, t) => {
      const sandbox = await fixture.sandbox();
      await fixture.controller.create(sandbox, t.signal);
      await fixture.controller.start(sandbox.id, t.signal);
      const next = await fixture.restart();
      await next.stop(sandbox.id, grace, t.signal);
      await next.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("verbose status tells more, resources and platform are answered", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      equal((await controller.platform(sandbox.id, t.signal)).os, "linux");
      await controller.start(sandbox.id, t.signal);
      deepEqual((await controller.status(sandbox.id, { verbose: false }, t.signal)).info, {});
      notEqual(Object.keys((await controller.status(sandbox.id, { verbose: true }, t.signal)).info).length, 0);
      await controller.update(sandbox.id, { resources: { cpuShares: 100 } }, t.signal);
      await controller.metrics(sandbox.id, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a second start, and one after the end, are refused and change nothing", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      const { id } = sandbox;
      await controller.create(sandbox, t.signal);
      const starts = await Promise.allSettled([controller.start(id, t.signal), controller.start(id, t.signal)]);
      equal(starts.filter(({ status }) => status === "fulfilled").length, 1);
      await rejects(controller.start(id, t.signal), { code: Code.FailedPrecondition });
      equal((await controller.status(id, { verbose: false }, t.signal)).state, "ready");
      await controller.stop(id, grace, t.signal);
      await rejects(controller.start(id, t.signal), { code: Code.FailedPrecondition });
      equal((await controller.status(id, { verbose: false }, t.signal)).state, "exited");
      await controller.shutdown(id, t.signal);
      await rejects(controller.start(id, t.signal), { code: Code.NotFound });
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("of two creates at a time one is refused", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      const creates = await Promise.allSettled([
        controller.create(sandbox, t.signal),
        controller.create(sandbox, t.signal),
      ]);
      equal(creates.filter(({ status }) => status === "fulfilled").length, 1);
      await controller.start(sandbox.id, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("stop and shutdown come many at a time, and those who wait are told", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      const { id } = sandbox;
      await controller.create(sandbox, t.signal);
      await controller.start(id, t.signal);
      const wait = controller.wait(id, t.signal);
      await Promise.all([controller.stop(id, grace, t.signal), controller.stop(id, grace, t.signal)]);
      await Promise.all([controller.shutdown(id, t.signal), controller.shutdown(id, t.signal)]);
      await wait;
      await controller.stop(id, grace, t.signal);
      for (const call of [controller.wait(id, t.signal), controller.endpoint(id, t.signal)]) {
        await rejects(call, { code: Code.NotFound });
      }
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a shutdown without a stop ends what runs, and the wait", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      await controller.create(sandbox, t.signal);
      await controller.start(sandbox.id, t.signal);
      const wait = controller.wait(sandbox.id, t.signal);
      await controller.shutdown(sandbox.id, t.signal);
      await wait;
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    promise("a call that is given up before it begins does nothing", async (fixture, t) => {
      const { controller } = fixture;
      const sandbox = await fixture.sandbox();
      const given = AbortSignal.abort();
      await rejects(controller.create(sandbox, given));
      await controller.create(sandbox, t.signal);
      await rejects(controller.start(sandbox.id, given));
      await controller.start(sandbox.id, t.signal);
      await rejects(controller.wait(sandbox.id, given));
      equal((await controller.status(sandbox.id, { verbose: false }, t.signal)).state, "ready");
      await controller.shutdown(sandbox.id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });

    if (options.withoutPeer === "exited") peerPromises(promise);
    if (options.withoutPeer === "pending") lostPeerPromises(promise);
  });
}
