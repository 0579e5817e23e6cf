import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";

import { Code, codeName, StatusError } from "@crib/errdefs";
import type { StubHandlers } from "@crib/nri/testing";
import type { Container as NriContainer, PodSandbox as NriPod } from "@crib/wire/nri";

import { type ContainerNode, startContainerNode } from "../../support/containers/container-node.ts";
import { endAfter } from "../../support/end-after.ts";
import type { Node } from "../../support/node.ts";

/** The node of all parts of the contract. */
export interface ContractScene {
  readonly scene: ContainerNode;
  /** One part of the contract as a test of its own; what one that fails leaves is nothing to the next. */
  readonly part: (name: string, run: (t: TestContext) => Promise<void>) => Promise<void>;
}

/** Starts the node. Its handler `plain` makes no task ahead of its start. */
export async function startContractScene(t: TestContext): Promise<ContractScene> {
  const scene = await startContainerNode(t, {
    config: () => ({ runtimes: { plain: { prestart: false } } }),
  });
  return {
    scene,
    part: (name, run) =>
      t.test(name, async (t) => {
        endAfter(t, () => scene.node.removeAllPods());
        await run(t);
      }),
  };
}

/** What events about pods and containers say. */
export interface Told {
  readonly pod?: NriPod | undefined;
  readonly container?: NriContainer | undefined;
}

/** A handler that looks around while the runtime waits for its answer, and what it has seen each time. */
export function lookingAround<T>(look: (podId: string, containerId: string, told: Told) => Promise<T>): {
  readonly seen: readonly T[];
  readonly handler: (told: Told) => Promise<object>;
} {
  const seen: T[] = [];
  const handler = async (told: Told): Promise<object> => {
    seen.push(await look(told.pod?.id ?? "", told.container?.id ?? "", told));
    return {};
  };
  return { seen, handler };
}

/** The name of the code that a call ends with; `OK` for one that succeeds. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => codeName(Code.OK),
    (reason: unknown) => codeName(StatusError.from(reason).code),
  );
}

/** By their ids. */
export async function listedPods({ cri }: Node): Promise<readonly string[]> {
  return (await cri.runtime.listPodSandbox({})).items.map(({ id }) => id);
}

/** By their ids. */
export async function listedContainers({ cri }: Node): Promise<readonly string[]> {
  return (await cri.runtime.listContainers({})).containers.map(({ id }) => id);
}

/** Answers of a plugin to every event of these, that are none of its business. */
export function refusing(...events: readonly (keyof StubHandlers)[]): StubHandlers {
  const refuse = (): never => {
    throw new Error("not on this node");
  };
  return Object.fromEntries(events.map((event) => [event, refuse]));
}

/** What a process runs; empty when it has ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}
