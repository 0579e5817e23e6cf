import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";

import type { Node } from "./node.ts";
import { type Ended, runProgram } from "./run-program.ts";

const bin = join(import.meta.dirname, "../../bin/crib");

/** The command line of crib, pointed at a node by its environment: flags behind an image or a container are not crib's. */
export interface Crib {
  /** Runs it to its end, with any exit code. */
  (args: readonly string[], stdin?: string): Promise<Ended>;
  /** The same, which must succeed; gives what it printed. */
  readonly prints: (args: readonly string[], stdin?: string) => Promise<string>;
  /** Starts it; the caller sees to its end. */
  readonly start: (args: readonly string[]) => ChildProcessWithoutNullStreams;
  /** How to start it otherwise. */
  readonly argv: readonly [string];
  readonly env: NodeJS.ProcessEnv;
}

/** The command line for a node. */
export function cribOf({ socket }: Pick<Node, "socket">): Crib {
  const env = { ...process.env, CRIB_SOCKET: socket };
  const run = (args: readonly string[], stdin = ""): Promise<Ended> =>
    runProgram([bin, ...args], { mayFail: true, stdin, env });
  return Object.assign(run, {
    prints: async (args: readonly string[], stdin = ""): Promise<string> => {
      const { exitCode, stdout, stderr } = await run(args, stdin);
      if (exitCode !== 0) throw new Error(`crib ${args.join(" ")}: ended with ${exitCode}: ${stderr}`);
      return stdout;
    },
    start: (args: readonly string[]) => spawn(bin, args, { stdio: "pipe", env }),
    argv: [bin] as const,
    env,
  });
}
