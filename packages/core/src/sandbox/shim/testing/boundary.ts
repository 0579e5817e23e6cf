import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Code, StatusError } from "@crib/errdefs";
import type { Sandbox } from "@crib/sandboxer";

/** How the boundary of a test shim has ended. */
export interface BoundaryExit {
  readonly exitStatus: number;
  readonly exitedAt: Date;
}

/** A process that sleeps in the pod's network namespace and cgroup, and in ipc and uts namespaces of its own. */
export class Boundary {
  readonly exit: Promise<BoundaryExit>;
  readonly #sandbox: Sandbox;
  readonly #isBare: boolean;
  readonly #settle: (exit: BoundaryExit) => void;
  #isCreated = false;
  #child: ChildProcess | undefined;

  constructor(sandbox: Sandbox, isBare: boolean) {
    this.#sandbox = sandbox;
    this.#isBare = isBare;
    const { promise, resolve: settle } = Promise.withResolvers<BoundaryExit>();
    this.exit = promise;
    this.#settle = settle;
  }

  /** 0 before the start and after the end. */
  get pid(): number {
    return this.isRunning ? (this.#child?.pid ?? 0) : 0;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  create(): void {
    if (this.#isCreated) throw new StatusError(Code.AlreadyExists, `sandbox "${this.#sandbox.id}" exists`);
    this.#isCreated = true;
  }

  async start(): Promise<void> {
    const { net } = this.#sandbox.namespaces;
    const enter = net === undefined ? [] : ["nsenter", `--net=${net}`];
    const leave = this.#isBare ? [] : ["unshare", "--ipc", "--uts"];
    const child = spawn("env", [...enter, ...leave, "sleep", "infinity"], { stdio: "ignore" });
    this.#child = child;
    child.once("exit", (code, signal) =>
      this.#settle({ exitStatus: signal === null ? (code ?? 1) : 137, exitedAt: new Date() }),
    );
    const pid = child.pid ?? 0;
    enterCgroups(this.#sandbox.cgroupPath, pid);
    // One program becomes the next one: the namespaces are there when the last one runs.
    while (this.isRunning && readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== "sleep") await delay(1);
  }

  async stop(): Promise<void> {
    if (this.#child === undefined) return;
    this.#child.kill("SIGKILL");
    await this.exit;
  }

  /** Keeps the namespaces as files in the bundle, which go with it, and tells where. */
  keepNamespaces(): readonly { readonly type: string; readonly path: string }[] {
    return ["ipc", "uts"].map((type) => {
      const path = resolve(`${type}.ns`);
      writeFileSync(path, "");
      execFileSync("mount", ["--bind", `/proc/${this.pid}/ns/${type}`, path]);
      return { type, path };
    });
  }
}

/** In every hierarchy that has the pod's cgroup. */
function enterCgroups(path: string, pid: number): void {
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const [, mountPoint = "", type = ""] = line.split(" ");
    const file = `${mountPoint}${path}/cgroup.procs`;
    if (type.startsWith("cgroup") && existsSync(file)) writeFileSync(file, String(pid));
  }
}
