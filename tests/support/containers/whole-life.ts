import type { ContainerNode } from "./container-node.ts";

/** Lives with a pod and its container, a change of its limits included, to the removal of both. Gives the pod's id. */
export async function wholeLife(scene: ContainerNode): Promise<string> {
  const pod = await scene.node.runPod();
  const container = await scene.runContainer(pod);
  await scene.node.cri.runtime.updateContainerResources({ containerId: container.id, linux: { cpuShares: 300n } });
  await container.stop(0);
  await container.remove();
  await pod.stop();
  await pod.remove();
  return pod.id;
}
