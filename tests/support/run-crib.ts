import { join } from "node:path";

import type { Node } from "./node.ts";
import { type Ended, runProgram } from "./run-program.ts";

const bin = join(import.meta.dirname, "../../bin/crib");

/** Runs a command of `crib` against the daemon of a node; it may end with any code. */
export function runCrib({ socket }: Pick<Node, "socket">, ...args: readonly string[]): Promise<Ended> {
  return runProgram([bin, ...args, "--socket", socket], { mayFail: true });
}
