import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { isServed, type TaskEndpoint } from "@crib/sandboxer";

/** What the process that runs tasks has to know. */
export interface TaskServerPlaces {
  readonly stateDir: string;
  /** The OCI runtime. */
  readonly runtime: string;
  /** Address of the sandboxer that the tasks belong to. */
  readonly sandboxer: string;
}

/**
 * The process that serves the tasks of all pods. It is one of its own, so that containers keep their parent, and their streams, when the sandboxer
 * is started anew.
 */
export class TaskServerProcess {
  readonly #places: TaskServerPlaces;
  readonly #socket: string;
  #starting: Promise<void> | undefined;

  constructor(places: TaskServerPlaces) {
    this.#places = places;
    this.#socket = join(places.stateDir, "task.sock");
  }

  /** Where it answers; it is started when it does not. */
  async endpoint(): Promise<TaskEndpoint> {
    if (!(await isServed(this.#socket))) {
      this.#starting ??= this.#start().finally(() => (this.#starting = undefined));
      await this.#starting;
    }
    return { protocol: "ttrpc", address: `unix://${this.#socket}`, version: 3 };
  }

  async #start(): Promise<void> {
    const { stateDir, runtime, sandboxer } = this.#places;
    const program = join(import.meta.dirname, "task-server.ts");
    const args = [program, "--state-dir", stateDir, "--runtime", runtime, "--sandboxer", sandboxer];
    const signal = AbortSignal.timeout(30_000);
    let child: ChildProcess | undefined;
    while (!(await isServed(this.#socket))) {
      // One that ended met another, which an earlier sandboxer had started and which serves soon, or which was just about to end.
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
        child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", "ignore", "inherit"], cwd: "/" });
        child.unref();
      }
      await delay(10, undefined, { signal });
    }
  }
}
