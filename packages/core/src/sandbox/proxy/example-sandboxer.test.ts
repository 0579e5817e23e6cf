import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

import { Code } from "@crib/errdefs";
import { controllerSuite } from "@crib/sandboxer/testing";

import { ExampleFixture } from "./testing/example-fixture.ts";
import { ExampleSandboxer, needsExample } from "./testing/example-sandboxer.ts";

const grace = { graceMs: 1_000 };

/** One for all of them: it takes half a second to start. */
let shared: Promise<ExampleSandboxer> | undefined;

after(async () => {
  const example = await shared?.catch(() => undefined);
  await example?.[Symbol.asyncDispose]();
  if (example) await rm(example.dir, { recursive: true, force: true });
});

function example(): Promise<ExampleSandboxer> {
  return (shared ??= start());
}

async function start(): Promise<ExampleSandboxer> {
  const sandboxer = new ExampleSandboxer(await realpath(await mkdtemp(join(tmpdir(), "crib-pe-"))));
  await sandboxer.up();
  return sandboxer;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    ok(performance.now() < end, `not in time: ${what}`);
    await delay(10);
  }
}

controllerSuite("proxy of the example, without a process", async () => ExampleFixture.make(await example()), {
  ...needsExample,
  hasProcess: false,
});
controllerSuite(
  "proxy of the example, with a pause",
  async () => ExampleFixture.make(await example(), { pidMode: "pod" }),
  { ...needsExample, hasProcess: true },
);

suite("the example, as a process that is killed and stopped", needsExample, () => {
  test("leaves its pods pending, and has them back with their processes", async (t) => {
    const sandboxer = await start();
    t.after(async () => {
      await sandboxer[Symbol.asyncDispose]();
      await rm(sandboxer.dir, { recursive: true, force: true });
    });
    await using fixture = await ExampleFixture.make(sandboxer, { pidMode: "pod" });
    const { controller } = fixture;
    const sandbox = await fixture.sandbox();
    const { id } = sandbox;
    await controller.create(sandbox, t.signal);
    const { process: pause } = await controller.start(id, t.signal);
    const wait = controller.wait(id, t.signal);
    await sandboxer.down();
    await until("pending", () => controller.pending(id) !== undefined);
    equal((await controller.status(id, { verbose: false }, t.signal)).state, "pending");
    await rejects(controller.stop(id, grace, t.signal), { code: Code.Unavailable });
    await sandboxer.up();
    await until("back", () => controller.pending(id) === undefined);
    deepEqual((await controller.status(id, { verbose: false }, t.signal)).process, pause);

    sandboxer.signal("SIGSTOP");
    await rejects(controller.platform(id, t.signal), { code: Code.DeadlineExceeded });
    await until("known to hang", () => controller.describe().lastError === "it does not answer");
    sandboxer.signal("SIGCONT");
    await until("back again", () => controller.pending(id) === undefined);

    await sandboxer.down();
    process.kill(pause?.pid ?? 0, "SIGKILL");
    await sandboxer.up();
    equal((await wait).exitCode === 0, false);
    await controller.shutdown(id, t.signal);
    deepEqual(await fixture.leftovers(sandbox), []);
  });
});
