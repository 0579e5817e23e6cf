import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

import { createStdio } from "../create-stdio.ts";
import type { ContainerStdio, LogRequest, Stdio, StdioOptions, StdioRequest } from "../index.ts";

/** A line of a log. */
export interface LogLine {
  readonly time: string;
  readonly name: string;
  readonly tag: string;
  readonly text: string;
}

/** The lines of a log file; fails for a file with anything that is no whole line. */
export function readLog(path: string): LogLine[] {
  const content = readFileSync(path, "latin1");
  if (content !== "" && !content.endsWith("\n")) throw new Error(`torn: ${content.slice(-200)}`);
  return content
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
      if (match === null) throw new Error(`no line of a log: ${JSON.stringify(line.slice(0, 200))}`);
      const [, time = "", name = "", tag = "", text = ""] = match;
      return { time, name, tag, text };
    });
}

/** The text of one output, parts joined. */
export function joinLog(lines: readonly LogLine[], name = "stdout"): string {
  return lines
    .filter((line) => line.name === name)
    .map(({ tag, text }) => (tag === "F" ? `${text}\n` : text))
    .join("");
}

/** A directory and streams in it for one test. */
export class StdioBench implements AsyncDisposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "crib-io-"));
  readonly notes: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  readonly stdio: Stdio;
  readonly #children = new Set<ChildProcess>();

  constructor(options: Partial<StdioOptions> = {}) {
    const log: StdioOptions["log"] = (_level, message, fields) => this.notes.push({ message, fields });
    this.stdio = createStdio({ log, ...options });
  }

  get logPath(): string {
    return join(this.directory, "logs/pod/0.log");
  }

  request(log: Partial<LogRequest> | undefined = {}, change: Partial<StdioRequest> = {}): StdioRequest {
    const dir = join(this.directory, "bundle/io");
    return {
      id: "a",
      dir,
      stdin: false,
      stdinOnce: false,
      tty: false,
      ...(log !== undefined && { log: { path: this.logPath, maxLineBytes: 16_384, ...log } }),
      ...change,
    };
  }

  async open(
    t: TestContext,
    log: Partial<LogRequest> | undefined = {},
    change: Partial<StdioRequest> = {},
  ): Promise<ContainerStdio> {
    return await this.stdio.open(this.request(log, change), t.signal);
  }

  /** Runs a shell command whose outputs are the container's FIFOs, both ends open as a shim has them. It finds its input at `$STDIN`. */
  start(command: string, { paths }: Pick<ContainerStdio, "paths">): ChildProcess {
    const stderr = paths.stderr === "" ? "2>&1" : `2>"${paths.stderr}"`;
    const script = `exec 8<>"${paths.stdout}" ${paths.stderr === "" ? "" : `9<>"${paths.stderr}"`}\n(${command}) >"${paths.stdout}" ${stderr} 8>&- 9>&-`;
    const child = spawn("bash", ["-c", script], {
      env: { PATH: process.env["PATH"], STDIN: paths.stdin },
      stdio: ["ignore", "ignore", "inherit"],
      detached: true,
    });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** As `start`, to the command's end and until all of it is written. */
  async run(command: string, streams: ContainerStdio): Promise<void> {
    const child = this.start(command, streams);
    await untilExit(child);
    if (!(await streams.drained(20_000))) throw new Error("the output did not end");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      const exited = once(child, "exit");
      // Its own group, made here, whose leader is not reaped yet.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await exited;
    }
    await this.stdio.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Settles when a process has ended, at once when it has. */
export async function untilExit(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Descriptors of this process. */
export function countDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
