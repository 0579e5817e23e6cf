import { Code, StatusError } from "@crib/errdefs";
import { adoptChild, type ProcessIdentity, processIdentity, signalProcess } from "@crib/linux";

import type { IoRequest, ProcessIo } from "../stdio/types.ts";
import { exitStatusOf, type ProcessExit, type ProcessState } from "./process-state.ts";

/** A process of a task: the init process or an exec. Its state changes here only. */
export class TaskProcess implements Disposable {
  /** For messages. */
  readonly name: string;
  readonly io: IoRequest;
  /** Settles at the end, if it ever comes. */
  readonly exited: Promise<ProcessExit>;
  #streams: ProcessIo | undefined;
  #identity: ProcessIdentity | undefined;
  #state: ProcessState = { kind: "registered" };
  readonly #exit = Promise.withResolvers<ProcessExit>();

  constructor(name: string, { terminal, stdin, stdout, stderr }: IoRequest) {
    this.name = name;
    this.io = { terminal, stdin, stdout, stderr };
    this.exited = this.#exit.promise;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** 0 before there is one. */
  get pid(): number {
    return this.#state.kind === "registered" ? 0 : this.#state.pid;
  }

  /** Throws FailedPrecondition where there are none yet. */
  get streams(): ProcessIo {
    if (this.#streams !== undefined) return this.#streams;
    throw new StatusError(Code.FailedPrecondition, `${this.name}: it has not been started`);
  }

  attach(streams: ProcessIo): void {
    this.#streams = streams;
  }

  /** As of `ProcessIo`; at once where there are no streams. */
  async drained(): Promise<void> {
    await this.#streams?.drained();
  }

  /** The runtime has left this process behind; called in the turn in which the runtime ended. `state` is what it is in then. */
  adopt(pid: number, state: "created" | "running"): void {
    this.#identity = processIdentity(pid);
    this.#state = { kind: state, pid };
    void adoptChild(pid).then((how) => this.end(exitStatusOf(how)));
  }

  /** The process is no more, or never came to be. Only the first call counts. */
  end(exitStatus: number): void {
    if (this.#state.kind === "stopped") return;
    const exit = { exitStatus, exitedAt: new Date() };
    this.#state = { kind: "stopped", pid: this.pid, exit };
    this.#exit.resolve(exit);
  }

  /** A process that has ended meanwhile stays ended. */
  become(kind: "running" | "paused"): void {
    if (this.#state.kind === "registered" || this.#state.kind === "stopped") return;
    this.#state = { kind, pid: this.#state.pid };
  }

  /** NotFound when it has ended, FailedPrecondition before it is there, InvalidArgument for what is no signal. */
  signal(number: number): void {
    if (this.#state.kind === "registered") {
      throw new StatusError(Code.FailedPrecondition, `killing ${this.name}: it has not been started`);
    }
    const identity = this.#state.kind === "stopped" ? undefined : this.#identity;
    if (identity !== undefined && signalProcess(identity, number)) return;
    throw new StatusError(Code.NotFound, `killing ${this.name}: process already finished`);
  }

  [Symbol.dispose](): void {
    this.#streams?.[Symbol.dispose]();
  }
}
