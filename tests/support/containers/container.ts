import { readFile } from "node:fs/promises";

import type { MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type ContainerConfigSchema, ContainerState, type ContainerStatusSchema } from "@crib/wire/cri";

import { eventually } from "../eventually.ts";
import type { Node } from "../node.ts";
import type { Pod } from "../pod.ts";

/** What a message is made from, without messages already made. */
type Plain<T> = Exclude<NonNullable<T>, { readonly $typeName: string }>;

/** A ContainerConfig as it is given to the client. */
export type ContainerConfig = Plain<MessageInitShape<typeof ContainerConfigSchema>>;

/** One line of a container's log. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly tag: "F" | "P";
  readonly text: string;
}

/** What a command in a container said. */
export interface ExecSyncResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** A container of a node under test. Calls go to the daemon of the moment. */
export interface Container {
  readonly id: string;
  readonly pod: Pod;
  readonly config: ContainerConfig;
  status(): Promise<MessageShape<typeof ContainerStatusSchema>>;
  /** Verbose status. */
  info(): Promise<Readonly<Record<string, unknown>>>;
  start(): Promise<void>;
  /** Default: 10 s of grace. */
  stop(timeoutS?: number): Promise<void>;
  remove(): Promise<void>;
  execSync(command: readonly string[], timeoutS?: number): Promise<ExecSyncResult>;
  /** Standard output of a shell script that must succeed. */
  sh(script: string): Promise<string>;
  /** Waits for the end and gives the last status. */
  ended(withinMs?: number): Promise<MessageShape<typeof ContainerStatusSchema>>;
  /** The lines of its log; fails on one that has not the form. */
  log(): Promise<readonly LogLine[]>;
}

/** A handle on a container. */
export function containerHandle(node: Pick<Node, "cri">, pod: Pod, id: string, config: ContainerConfig): Container {
  const runtime = (): Node["cri"]["runtime"] => node.cri.runtime;
  const status: Container["status"] = async () => {
    const answer = await runtime().containerStatus({ containerId: id });
    if (!answer.status) throw new Error(`container ${id} has no status`);
    return answer.status;
  };
  const execSync: Container["execSync"] = async (cmd, timeoutS = 30) => {
    const { stdout, stderr, exitCode } = await runtime().execSync({
      containerId: id,
      cmd: [...cmd],
      timeout: BigInt(timeoutS),
    });
    return { stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString(), exitCode };
  };
  return {
    id,
    pod,
    config,
    status,
    execSync,
    async info() {
      const { info } = await runtime().containerStatus({ containerId: id, verbose: true });
      return JSON.parse(info["info"] ?? "null") as Readonly<Record<string, unknown>>;
    },
    start: async () => void (await runtime().startContainer({ containerId: id })),
    stop: async (timeoutS = 10) => void (await runtime().stopContainer({ containerId: id, timeout: BigInt(timeoutS) })),
    remove: async () => void (await runtime().removeContainer({ containerId: id })),
    async sh(script) {
      const { stdout, stderr, exitCode } = await execSync(["sh", "-c", script]);
      if (exitCode !== 0) throw new Error(`"${script}" left with ${exitCode}: ${stderr}`);
      return stdout;
    },
    ended: (withinMs = 10_000) =>
      eventually(withinMs, async () => {
        const now = await status();
        if (now.state !== ContainerState.CONTAINER_EXITED) throw new Error(`container ${id} is in state ${now.state}`);
        return now;
      }),
    async log() {
      const text = await readFile((await status()).logPath, "utf8");
      return parseLog(text);
    },
  };
}

/** The lines of a log in the format of the CRI; fails on one that has not the form. */
export function parseLog(text: string): readonly LogLine[] {
  if (text !== "" && !text.endsWith("\n")) throw new Error(`the log ends inside a line: "${text.slice(-80)}"`);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
      if (!form) throw new Error(`a line of the log has another form: "${line.slice(0, 120)}"`);
      const [, stream, tag, rest] = form;
      return { stream: stream as LogLine["stream"], tag: tag as LogLine["tag"], text: rest ?? "" };
    });
}
