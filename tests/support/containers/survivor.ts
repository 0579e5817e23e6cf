import { deepEqual, equal } from "node:assert/strict";

import { eventually } from "../eventually.ts";
import type { Pod } from "../pod.ts";
import type { ContainerNode } from "./container-node.ts";
import type { Container } from "./container.ts";

/** Says what is written to it, in one process that stays the same. */
const echo = 'mkfifo /in; exec 3<>/in; while read -r line <&3; do echo "$line"; done';

/** A container that must not notice what happens to others of its pod. */
export interface Survivor {
  readonly container: Container;
  /** Runs a command in it, which makes it say something, which its log must have once. */
  expectUnharmed(): Promise<void>;
}

/** Starts one in a pod. */
export async function startSurvivor(target: Pick<ContainerNode, "runContainer">, pod: Pod): Promise<Survivor> {
  const container = await target.runContainer(pod, { name: "survivor", script: echo });
  await container.sh("until test -p /in; do sleep 0.01; done");
  let said = 0;
  return {
    container,
    async expectUnharmed() {
      const text = `${++said}`;
      equal(await container.sh(`echo ${text} >/in; echo done`), "done\n");
      await eventually(10_000, async () => {
        const lines = (await container.log()).map((line) => line.text);
        deepEqual(
          lines,
          Array.from({ length: said }, (_, index) => `${index + 1}`),
        );
      });
    },
  };
}
