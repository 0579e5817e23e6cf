import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { pullImage } from "@crib/core/images";
import { Images } from "@crib/wire/admin";

import { eventually } from "../support/eventually.ts";
import { type ImageNode, startImageNode } from "../support/images/image-node.ts";
import { platformIndex } from "../support/images/image.ts";
import { testLayer } from "../support/images/layer.ts";
import { storeContents, unsoundBlobs } from "../support/images/store-state.ts";
import { needsRoot } from "../support/needs-root.ts";
import { within } from "../support/within.ts";
import { faultActions, faultPoints, stepBudget } from "./fault-matrix.ts";

type Action = (typeof faultActions)[number];

/** A flow of images, as far as a matrix reads it. */
interface ImageFlow {
  readonly name: string;
  readonly steps: readonly { readonly name: string }[];
}

/** An index to two manifests; layers of all kinds, one in many chunks, one with something for the layers below to tell. */
const image = platformIndex([
  testLayer([
    { name: "etc/", type: "directory" },
    { name: "etc/passwd", content: "root:x:0:0\n" },
  ]),
  testLayer([{ name: "big", content: Buffer.alloc(3 << 20, "The quick brown fox. ") }], "none"),
  testLayer(
    [
      { name: "etc/group", content: "root:x:0:\n" },
      { name: "hard", type: "link", linkname: "etc/passwd" },
    ],
    "zstd",
  ),
]);

/** What leads up to a call, and the call that is struck. */
interface Calls {
  readonly prepare: (target: ImageNode, name: string) => Promise<unknown>;
  readonly call: (target: ImageNode, name: string) => Promise<unknown>;
}

const calls: Readonly<Record<string, Calls>> = {
  PullImage: {
    prepare: () => Promise.resolve(),
    call: ({ images }, name) => images.pull(name),
  },
  RemoveImage: {
    prepare: ({ images }, name) => images.pull(name),
    call: ({ images }, name) => images.remove(name),
  },
};

/**
 * Makes one test of each step of a flow: for each point, the step fails, hangs, or the daemon is killed there. After it no name
 * leads to anything that is not whole, the same call succeeds the first time, and what was removed is gone to the last file.
 */
export function imageFaultMatrix(flow: ImageFlow): void {
  for (const { name: step } of flow.steps) {
    test(`${flow.name}, ${step}`, needsRoot, async (t) => {
      const target = await startImageNode(t, { config: () => ({ flow: { budgets: { [step]: stepBudget(step) } } }) });
      await forEachFault(t, target, (point, action) =>
        runCase(target, `${flow.name}/${step}@${point}=${action}*1`, flow.name, action),
      );
    });
  }
}

/** The same for taking back: each step of PullImage succeeds, then fails, and its undo fails twice, hangs once, or the daemon is killed in it. */
export function pullUndoMatrix(): void {
  for (const { name: step } of pullImage.steps.filter(({ undo }) => undo !== undefined)) {
    test(`undo of PullImage, ${step}`, needsRoot, async (t) => {
      const target = await startImageNode(t, {
        config: () => ({ flow: { undo_budgets: { [step]: stepBudget(step) } } }),
      });
      await forEachFault(t, target, async (point, action) => {
        const times = action === "fail" ? 2 : 1;
        const place = `PullImage/${step}`;
        await runCase(target, `${place}@after=fail*1;${place}!undo@${point}=${action}*${times}`, "PullImage", action);
      });
    });
  }
}

/** Runs all cases of a step, in one daemon but for those that kill it; one that failed does not spoil the next. */
async function forEachFault(
  t: TestContext,
  { node, images }: ImageNode,
  run: (point: (typeof faultPoints)[number], action: Action) => Promise<void>,
): Promise<void> {
  for (const point of faultPoints) {
    for (const action of faultActions) {
      await t.test(`${action} ${point}`, async () => {
        try {
          await run(point, action);
        } catch (reason) {
          await node.restart();
          await images.removeAll();
          throw reason;
        }
      });
    }
  }
}

async function runCase(target: ImageNode, faults: string, flow: string, action: Action): Promise<void> {
  const { node, images } = target;
  const name = target.serve(image);
  const { prepare, call } = calls[flow] ?? {};
  node.inject(faults);
  await prepare?.(target, name);
  await strike(target, action, async () => call?.(target, name));
  // Neither the one call nor the other leaves something that has a name and is not whole.
  deepEqual(await images.list(), []);
  equal(await images.status(name), undefined);
  deepEqual(await unsoundBlobs(node), []);
  deepEqual(await node.leaks(), []);
  await call?.(target, name);
  if (flow === "RemoveImage") equal(await images.pull(name), image.id);
  equal((await images.status(name))?.id, image.id);
  deepEqual(await unsoundBlobs(node), []);
  deepEqual(await node.leaks(), []);
  await images.remove(name);
  // What a failed pull has left is kept for a while, for the next one.
  await node.cri.service(Images).collect({ abandonedToo: true });
  await eventually(5_000, () => deepEqual(storeContents(node), []));
  deepEqual(await node.leaks(), []);
}

/** Makes a call that the fault must end; after a kill the daemon is started again. */
async function strike({ node }: ImageNode, action: Action, call: () => Promise<unknown>): Promise<void> {
  const neverStruck = "the fault was never reached: every step calls its midpoint";
  if (action === "kill") {
    await rejects(call(), () => true, neverStruck);
    // One that lives on would be waited for in vain.
    const ended = await within(60_000, node.daemon.ended);
    equal(ended?.signal, "SIGKILL", neverStruck);
    await node.restart();
    return;
  }
  await rejects(
    call(),
    (reason: Error) => {
      match(reason.message, /injected fault|budget of \d+ ms/);
      return true;
    },
    neverStruck,
  );
}
