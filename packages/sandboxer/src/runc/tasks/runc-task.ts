import { rmSync } from "node:fs";

import { Code, StatusError } from "@crib/errdefs";

import { umountRootfs } from "../mounts/mount-rootfs.ts";
import type { OciRuntime } from "../runtime/oci-runtime.ts";
import type { RuncTasksOptions } from "../types.ts";
import type { ProcessExit } from "./process-state.ts";
import type { TaskProcess } from "./task-process.ts";
import { Turns } from "./turns.ts";

/** What a task is made of. */
export interface TaskParts {
  readonly id: string;
  readonly bundle: string;
  /** Of this service, for files of the task. */
  readonly directory: string;
  readonly runtime: OciRuntime;
  readonly init: TaskProcess;
  readonly mountsRootfs: boolean;
  /** Whether the container has a pid namespace of its own, whose processes end with the init process. */
  readonly ownsPids: boolean;
  /** Undefined where the container is in the root cgroup. */
  readonly cgroup: string | undefined;
}

/** How long the copying of a terminal's output may outlast its process. */
const drainTimeoutMs = 10_000;

/** A container that exists, with its processes. Calls of the runtime that change it come one after another. */
export class RuncTask {
  readonly parts: TaskParts;
  readonly execs = new Map<string, TaskProcess>();
  readonly #turns = new Turns();
  #isDeleted = false;

  constructor(parts: TaskParts, log: NonNullable<RuncTasksOptions["log"]>) {
    this.parts = parts;
    void parts.init.exited.then(() => this.#endOthers(log));
  }

  get id(): string {
    return this.parts.id;
  }

  /** The init process, or an exec; NotFound for an exec that is not known. */
  process(execId: string): TaskProcess {
    if (execId === "") return this.parts.init;
    const found = this.execs.get(execId);
    if (found !== undefined) return found;
    throw new StatusError(Code.NotFound, `exec "${execId}" of task "${this.id}" not found`);
  }

  /** FailedPrecondition unless the init process waits for it. */
  async start(): Promise<number> {
    return await this.#turns.run(async () => {
      const { init, runtime } = this.parts;
      if (init.state.kind !== "created") throw this.#refusal("starting", `its process is ${init.state.kind}`);
      await runtime.start();
      init.become("running");
      return init.pid;
    });
  }

  /** Sends a signal to the init process or, with `all`, to every process of the container. */
  async kill(signal: number, all: boolean): Promise<void> {
    const { init, runtime, ownsPids } = this.parts;
    const isPaused = init.state.kind === "paused";
    // What is frozen has to be thawed for its end, and what has no pid namespace to be found: the runtime knows how.
    if ((all && !(ownsPids && signal === 9)) || isPaused) {
      if (init.state.kind === "stopped" && !all) init.signal(signal);
      return await runtime.kill(signal, all);
    }
    init.signal(signal);
  }

  async pause(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.parts.init.state.kind !== "running") throw this.#refusal("pausing", "it is not running");
      await this.parts.runtime.pause();
      this.parts.init.become("paused");
    });
  }

  async resume(): Promise<void> {
    await this.#turns.run(async () => {
      if (this.parts.init.state.kind !== "paused") throw this.#refusal("resuming", "it is not paused");
      await this.parts.runtime.resume();
      this.parts.init.become("running");
    });
  }

  async update(resources: Uint8Array): Promise<void> {
    await this.#turns.run(() => this.parts.runtime.update(resources));
  }

  /** Removes the container. FailedPrecondition while its process runs; one that was never started is ended. */
  async delete(): Promise<ProcessExit> {
    return await this.#turns.run(async () => {
      const { init, runtime, bundle, directory, mountsRootfs } = this.parts;
      const { kind } = init.state;
      // By now the id may be another task's.
      if (this.#isDeleted) throw new StatusError(Code.NotFound, `deleting task "${this.id}": container not created`);
      if (kind === "running" || kind === "paused") throw this.#refusal("deleting", "cannot delete a running process");
      await runtime.delete(kind === "created");
      const exit = await init.exited;
      await drain(init);
      this.release();
      if (mountsRootfs) await umountRootfs(bundle);
      rmSync(directory, { recursive: true, force: true });
      this.#isDeleted = true;
      return exit;
    });
  }

  /** Forgets an exec and gives how it ended. FailedPrecondition while it runs. */
  async deleteExec(execId: string): Promise<ProcessExit> {
    const found = this.process(execId);
    if (found.state.kind === "registered") found.end(0);
    if (found.state.kind !== "stopped") {
      throw this.#refusal(`deleting exec "${execId}" of`, "cannot delete a running process");
    }
    await drain(found);
    found[Symbol.dispose]();
    this.execs.delete(execId);
    return found.state.exit;
  }

  /** Closes what this process holds of it; the container stays. */
  release(): void {
    this.parts.init[Symbol.dispose]();
    for (const each of this.execs.values()) each[Symbol.dispose]();
  }

  /** Without a pid namespace of its own, the processes of a container outlive its first one. */
  async #endOthers(log: NonNullable<RuncTasksOptions["log"]>): Promise<void> {
    if (this.parts.ownsPids) return;
    try {
      await this.#turns.run(() => this.parts.runtime.kill(9, true));
    } catch (error) {
      log("warn", "ending the other processes of a task", { taskId: this.id, error: String(error) });
    }
  }

  #refusal(doing: string, why: string): StatusError {
    return new StatusError(Code.FailedPrecondition, `${doing} task "${this.id}": ${why}`);
  }
}

/** A process that was never started has no streams; a client that does not read is not waited for for ever. */
async function drain(ended: TaskProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, drainTimeoutMs)));
  await Promise.race([ended.drained(), late]);
  clearTimeout(timer);
}
