import type { TestContext } from "node:test";

import { baseEntries } from "../images/base-layer.ts";
import { type ImageNode, type ImageNodeOptions, startImageNode } from "../images/image-node.ts";
import { type ImageOptions, type TestImage, testImage } from "../images/image.ts";
import { testLayer } from "../images/layer.ts";
import type { TarEntry } from "../images/tar-archive.ts";
import type { Node } from "../node.ts";
import type { Pod } from "../pod.ts";
import { type Container, type ContainerConfig, containerHandle } from "./container.ts";

/** What a container may want beside what every container under test has. */
export interface ContainerOptions {
  /** Run by `sh -c`. Default: sleeps until it is told to end. */
  readonly script?: string;
  readonly name?: string;
  /** Name or id of another image than busybox. */
  readonly image?: string;
  /** Changes the configuration that would be sent. */
  readonly change?: (config: ContainerConfig) => ContainerConfig;
}

/** A node with the machine's busybox as an image. */
export interface ContainerNode extends ImageNode {
  /** Id of the busybox image. */
  readonly busybox: string;
  createContainer(pod: Pod, options?: ContainerOptions): Promise<Container>;
  /** Creates and starts it. */
  runContainer(pod: Pod, options?: ContainerOptions): Promise<Container>;
  /** A handle on a container that was asked for otherwise. */
  container(pod: Pod, id: string, config: ContainerConfig): Container;
}

/** Ends at once when it is told to; a shell as PID 1 would not. */
export const sleepUntilTold = "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done";

/** A small image with a shell. Always the same bytes for the same options. */
export function busyboxImage(options: ImageOptions = {}, more: readonly TarEntry[] = []): TestImage {
  return testImage([testLayer([...baseEntries(), ...more])], options);
}

/** Starts a node and pulls busybox from a registry of the test's own. See `startImageNode` for what must be true at the end. */
export async function startContainerNode(t: TestContext, options: ImageNodeOptions = {}): Promise<ContainerNode> {
  const images = await startImageNode(t, options);
  const busybox = await images.pull(busyboxImage());
  return { ...images, busybox, ...containerCalls(images.node, busybox) };
}

/** Makes containers on a node that has an image with a shell. */
export function containerCalls(
  node: Pick<Node, "cri">,
  busybox: string,
): Pick<ContainerNode, "createContainer" | "runContainer" | "container"> {
  let containers = 0;
  const createContainer: ContainerNode["createContainer"] = async (pod, { script, name, image, change } = {}) => {
    const plain: ContainerConfig = {
      metadata: { name: name ?? `container-${++containers}`, attempt: 0 },
      image: { image: image ?? busybox, userSpecifiedImage: image ?? "busybox" },
      command: ["sh", "-c", script ?? sleepUntilTold],
      logPath: `${name ?? `container-${containers}`}.log`,
      linux: { securityContext: { namespaceOptions: pod.config.linux?.securityContext?.namespaceOptions ?? {} } },
    };
    const config = change?.(plain) ?? plain;
    const { containerId } = await node.cri.runtime.createContainer({
      podSandboxId: pod.id,
      config,
      sandboxConfig: pod.config,
    });
    return containerHandle(node, pod, containerId, config);
  };
  return {
    createContainer,
    async runContainer(pod, options) {
      const container = await createContainer(pod, options);
      await container.start();
      return container;
    },
    container: (pod, id, config) => containerHandle(node, pod, id, config),
  };
}
