import { deepEqual, equal, rejects } from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot } from "./testing/needs-root.ts";
import { ShimFixture } from "./testing/shim-fixture.ts";

suite("what an earlier daemon left half-way", { concurrency: 4 }, () => {
  const missing: readonly (readonly [string, readonly string[]])[] = [
    ["the address", ["bootstrap.json"]],
    ["the record of the shim", ["shim.json"]],
    ["the description of the sandbox", ["sandbox.json"]],
    ["all of these", ["bootstrap.json", "shim.json", "sandbox.json"]],
    ["the bundle", ["."]],
  ];
  for (const [what, files] of missing) {
    test(`a shim runs and ${what} is missing`, needsRoot, async (t) => {
      const fixture = await ShimFixture.make();
      t.after(() => fixture[Symbol.asyncDispose]());
      const sandbox = await fixture.sandbox();
      const { id } = sandbox;
      await fixture.controller.create(sandbox, t.signal);
      const instance = await fixture.controller.start(id, t.signal);
      const bundle = fixture.shims.bundle(id);
      await fixture.restart();
      for (const file of files) await rm(join(bundle, file), { recursive: true });
      const { state } = await fixture.controller.adopt(sandbox, instance, t.signal);
      equal(state, files.includes("sandbox.json") && files.length === 1 ? "ready" : "exited");
      await fixture.restart();
      await fixture.controller.stop(id, { graceMs: 100 }, t.signal);
      await fixture.controller.shutdown(id, t.signal);
      deepEqual(await fixture.leftovers(sandbox), []);
    });
  }

  test("a shim that was started and never asked is ended by the next daemon", needsRoot, async (t) => {
    const fixture = await ShimFixture.make();
    t.after(() => fixture[Symbol.asyncDispose]());
    const sandbox = await fixture.sandbox();
    await fixture.controller.create(sandbox, t.signal);
    await fixture.restart();
    await rejects(fixture.controller.start(sandbox.id, t.signal), { code: Code.NotFound });
    await fixture.controller.stop(sandbox.id, { graceMs: 100 }, t.signal);
    await fixture.controller.shutdown(sandbox.id, t.signal);
    deepEqual(await fixture.leftovers(sandbox), []);
  });
});
