import { deepEqual, equal } from "node:assert/strict";
import type { TestContext } from "node:test";

import { startContainerNode } from "../support/containers/container-node.ts";

/** The only container of a pod goes while the next one comes, so many times: whoever comes must never meet a shim that goes with the other. */
export async function replaceOnlyContainer(t: TestContext, times: number): Promise<void> {
  const target = await startContainerNode(t);
  const { node } = target;
  const pod = await node.runPod();
  let only = await target.runContainer(pod);
  for (let time = 0; time < times; time++) {
    const [next] = await Promise.all([target.runContainer(pod), only.remove()]);
    equal(await next.sh("echo here"), "here\n");
    only = next;
  }
  await only.remove();
  // And with nobody else there.
  const last = await target.runContainer(pod, { script: "exit 5" });
  equal((await last.ended()).exitCode, 5);
  await pod.remove();
  deepEqual(await node.leftovers(), []);
  deepEqual(await node.leaks(), []);
}
