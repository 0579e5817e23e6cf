import { deepEqual, equal } from "node:assert/strict";

import type { Pod } from "../pod.ts";
import type { ContainerNode } from "./container-node.ts";
import { runScript } from "./run-script.ts";

/** How many of each are looked into. */
export interface Looks {
  readonly containers: number;
  readonly execs: number;
}

/** How many of them there are at a time. */
const atOnce = 20;

/** Fails unless containers of a pod, and commands in one, have standard input, output and errors open when they start, and nothing else. */
export async function expectThreeDescriptors(
  scene: Pick<ContainerNode, "runContainer">,
  pod: Pod,
  { containers, execs }: Looks,
): Promise<void> {
  const list = "ls -l /proc/self/fd";
  const one = await scene.runContainer(pod);
  const looks = [
    ...Array.from({ length: containers }, () => () => runScript(scene, pod, list)),
    ...Array.from({ length: execs }, () => () => one.sh(list)),
  ];
  let looked = 0;
  const lookOn = async (): Promise<void> => {
    for (let look = looks.pop(); look !== undefined; look = looks.pop()) {
      const text = await look();
      deepEqual(numbersOf(text), ["0", "1", "2"], text);
      looked++;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lookOn));
  equal(looked, containers + execs);
  await one.remove();
}

/** Numbers of open descriptors, from what `ls -l /proc/self/fd` says of its own but for the directory that it reads. */
function numbersOf(list: string): readonly string[] {
  const lines = list.split("\n").filter((line) => line.includes(" -> ") && !/ -> \/proc\/\d+\/fd$/.test(line));
  return lines.map((line) => / (\d+) -> /.exec(line)?.[1] ?? line);
}
