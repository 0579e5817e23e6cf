import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { Code, StatusError } from "@crib/errdefs";

import { type RuntimeCall, runRuntime } from "./run-runtime.ts";
import type { RuntimeSettings } from "./runtime-settings.ts";

/** What `create` and `exec` have in common: a process whose streams and terminal are decided. */
export interface NewProcess {
  readonly stdio: readonly [number, number, number] | undefined;
  /** Path of the socket that the terminal is sent to. */
  readonly consoleSocket: string | undefined;
  readonly signal: AbortSignal;
}

let calls = 0;

/** An option and its value; nothing without one. */
function pair(option: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [option, value];
}

/** The OCI runtime's command line (runc, crun), for one container. Errors are those of `runRuntime`. */
export class OciRuntime {
  readonly settings: RuntimeSettings;
  readonly #id: string;
  readonly #directory: string;
  readonly #timeoutMs: number;

  /** `directory` takes pid files and logs of calls. */
  constructor(settings: RuntimeSettings, container: { id: string; directory: string; timeoutMs: number }) {
    this.settings = settings;
    this.#id = container.id;
    this.#directory = container.directory;
    this.#timeoutMs = container.timeoutMs;
  }

  /** Gives the pid of the init process, which waits for `start`. */
  async create(bundle: string, { stdio, consoleSocket, signal }: NewProcess): Promise<number> {
    const { noPivotRoot, noNewKeyring } = this.settings;
    return await this.#leavingPid("create", (pidFile) => ({
      args: [
        "create",
        ...pair("--bundle", bundle),
        ...pair("--pid-file", pidFile),
        ...pair("--console-socket", consoleSocket),
        ...(noPivotRoot ? ["--no-pivot"] : []),
        ...(noNewKeyring ? ["--no-new-keyring"] : []),
        this.#id,
      ],
      stdio,
      signal,
    }));
  }

  /** Gives the pid of the process, which runs. `processFile` has the OCI process. */
  async exec(processFile: string, { stdio, consoleSocket, signal }: NewProcess): Promise<number> {
    return await this.#leavingPid("exec", (pidFile) => ({
      args: [
        "exec",
        "--detach",
        ...pair("--process", processFile),
        ...pair("--pid-file", pidFile),
        ...pair("--console-socket", consoleSocket),
        this.#id,
      ],
      stdio,
      signal,
    }));
  }

  start(): Promise<void> {
    return this.#run("start", { args: ["start", this.#id] });
  }

  kill(signal: number, all: boolean): Promise<void> {
    return this.#run("kill", { args: ["kill", ...(all ? ["--all"] : []), this.#id, String(signal)] });
  }

  /** A container that the runtime does not know is deleted already. */
  async delete(force: boolean): Promise<void> {
    try {
      await this.#run("delete", { args: ["delete", ...(force ? ["--force"] : []), this.#id] });
    } catch (error) {
      if (!(error instanceof StatusError && error.code === Code.NotFound)) throw error;
    }
  }

  pause(): Promise<void> {
    return this.#run("pause", { args: ["pause", this.#id] });
  }

  resume(): Promise<void> {
    return this.#run("resume", { args: ["resume", this.#id] });
  }

  /** `resources` is the OCI LinuxResources as JSON. */
  update(resources: Uint8Array): Promise<void> {
    return this.#run("update", { args: ["update", "--resources", "-", this.#id], input: resources });
  }

  #run(verb: string, call: Pick<RuntimeCall, "args" | "stdio" | "input" | "signal">): Promise<void> {
    const logFile = join(this.#directory, `log-${++calls}.json`);
    return runRuntime(this.settings, { ...call, verb, logFile, timeoutMs: this.#timeoutMs });
  }

  async #leavingPid(
    verb: string,
    callWith: (pidFile: string) => Pick<RuntimeCall, "args" | "stdio" | "signal">,
  ): Promise<number> {
    const pidFile = join(this.#directory, `pid-${++calls}`);
    try {
      await this.#run(verb, callWith(pidFile));
      // Synchronously, so that the process is waited for before anything else happens.
      const pid = Number(readFileSync(pidFile, "latin1"));
      if (Number.isInteger(pid) && pid > 0) return pid;
      throw new StatusError(Code.Internal, `OCI runtime ${verb} failed: it left no pid`);
    } finally {
      rmSync(pidFile, { force: true });
    }
  }
}
