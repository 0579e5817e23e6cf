import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { PodSandboxState } from "@crib/wire/cri";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { startExampleSandboxer } from "../support/sandboxers/example-sandboxer.ts";
import { startNode } from "../support/start-node.ts";

const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState;

test("a pod outlives its sandboxer, and the daemon meanwhile", needsRoot, async (t) => {
  const sandboxer = await startExampleSandboxer(t);
  const node = await startNode(t, {
    config: () => ({
      runtimes: { ns: { controller: "spaces" } },
      sandboxers: { spaces: { address: sandboxer.address, pending_grace: "5s" } },
    }),
  });
  const pod = await node.runPod({ handler: "ns" });
  const other = await node.runPod({ handler: "ns" });
  const address = await pod.address();
  const state = async (): Promise<PodSandboxState> => (await pod.status()).state;
  const pending = async (): Promise<{ readonly reason: string; readonly since: string } | undefined> =>
    ((await pod.info()) as unknown as { readonly pending?: { readonly reason: string; readonly since: string } })
      .pending;

  await t.test("it is ready for a while, then not, and says since when and why", async () => {
    await sandboxer.end("SIGKILL");
    await eventually(5_000, async () => ok(await pending()));
    equal(await state(), SANDBOX_READY);
    match((await pending())?.reason ?? "", /connection|socket/);
    await eventually(15_000, async () => equal(await state(), SANDBOX_NOTREADY));
    ok(Date.now() - Date.parse((await pending())?.since ?? "") >= 5_000);
  });

  await t.test("a stop says who is away, and is finished when he is back", async () => {
    await rejects(other.stop(), {
      code: Code.Unavailable,
      message: /sandboxer "spaces" at .* cannot be reached since/,
    });
    ok((await other.info()).problem);
  });

  await t.test("a daemon that starts meanwhile keeps it", async () => {
    await node.restart();
    ok(await pending());
    await rejects(node.runPod({ handler: "ns" }), { code: Code.Unavailable });
  });

  await t.test("it is ready again with its sandboxer, as it was", async () => {
    await sandboxer.start();
    await eventually(15_000, async () => equal(await pending(), undefined));
    equal(await state(), SANDBOX_READY);
    equal(await pod.address(), address);
    await eventually(15_000, async () => equal((await other.info()).problem, undefined));
    equal((await other.status()).state, SANDBOX_NOTREADY);
    await other.remove();
    await pod.remove();
    deepEqual(await node.leftovers(), []);
  });
});
