import type { Pod } from "../pod.ts";
import type { ContainerNode, ContainerOptions } from "./container-node.ts";

/** What a script printed in a container that is gone since. Rejects, with all that it said, when it did not leave with 0. */
export async function runScript(
  node: Pick<ContainerNode, "runContainer">,
  pod: Pod,
  script: string,
  options: Omit<ContainerOptions, "script"> = {},
): Promise<string> {
  const container = await node.runContainer(pod, { ...options, script });
  const { exitCode, reason, message } = await container.ended(30_000);
  const lines = await container.log();
  await container.remove();
  const said = (stream: string): string =>
    lines.map((line) => (line.stream === stream ? line.text + (line.tag === "F" ? "\n" : "") : "")).join("");
  if (exitCode !== 0) throw new Error(`"${script}" left with ${exitCode} (${reason}: ${message}): ${said("stderr")}`);
  return said("stdout");
}
