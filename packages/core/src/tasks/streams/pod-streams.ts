import { Code, hasCode, StatusError } from "@crib/errdefs";
import type { TaskEndpoint, TaskStdio } from "@crib/sandboxer";

import { type Bridge, InputBridge, OutputBridge } from "../../io/streams/bridge.ts";
import { PeerStream } from "../../io/streams/peer-stream.ts";
import { connectRpc, namespaceHeaders } from "../endpoints/connect-rpc.ts";
import type { TaskLog } from "../types.ts";

/** A process of a pod: the first one of a task, or an additional one. */
export interface StreamsOwner {
  /** Of the task. */
  readonly id: string;
  /** Empty for the first process. */
  readonly execId: string;
}

/** What the streams of a pod are made of. */
export interface PodStreamsOptions {
  readonly sandboxId: string;
  /** Where the pod's Streaming service is now. */
  readonly endpoint: (signal: AbortSignal) => Promise<TaskEndpoint>;
  readonly namespace: string;
  /** For connecting, and for the peer's word that a stream is ready, in milliseconds. */
  readonly timeoutMs: number;
  readonly log: TaskLog;
}

const names = ["stdin", "stdout", "stderr"] as const;
type Name = (typeof names)[number];

/** The bridges between the FIFOs of a pod's processes and the streams of its task service. */
export class PodStreams {
  readonly #options: PodStreamsOptions;
  readonly #bridges = new Map<string, ReadonlyMap<Name, Bridge>>();

  constructor(options: PodStreamsOptions) {
    this.#options = options;
  }

  /**
   * Opens the streams of a process that is about to be made, which its FIFOs are bridged to from now on. Gives their addresses, for the task
   * service. Leaves nothing when it fails.
   */
  async begin(owner: StreamsOwner, fifos: TaskStdio, signal: AbortSignal): Promise<TaskStdio> {
    this.end(owner);
    const endpoint = await this.#options.endpoint(signal);
    const wanted = names.filter((name) => fifos[name] !== "");
    await using opened = new AsyncDisposableStack();
    const leaving = new AbortController();
    const opening = wanted.map(async (name) => {
      const stream = await this.#open(endpoint, streamId(owner, name), AbortSignal.any([signal, leaving.signal]));
      return [name, opened.adopt(stream, (left) => left.close())] as const;
    });
    try {
      const streams = new Map(await Promise.all(opening));
      this.#bridge(owner, fifos, streams);
    } catch (error) {
      leaving.abort();
      await Promise.allSettled(opening);
      throw error;
    }
    opened.move();
    const address = (name: Name): string => (fifos[name] === "" ? "" : streamAddress(endpoint, owner, name));
    return { stdin: address("stdin"), stdout: address("stdout"), stderr: address("stderr") };
  }

  /** Takes up the streams of a process that runs since before this daemon, or this connection. Its FIFOs are open when this returns. */
  resume(owner: StreamsOwner, fifos: TaskStdio): void {
    if (this.#bridges.has(keyOf(owner))) return;
    try {
      this.#bridge(owner, fifos, new Map());
    } catch (reason) {
      // One that is only just being made has no FIFOs yet, and gets its streams then.
      if (!hasCode(reason, Code.NotFound)) this.#warn("streams of a task cannot be taken up", owner, reason);
    }
  }

  /** The process has ended. */
  finish(owner: StreamsOwner): void {
    for (const bridge of this.#of(owner).values()) bridge.finish();
  }

  /** The process is gone, with its streams. Idempotent. */
  end(owner: StreamsOwner): void {
    for (const bridge of this.#of(owner).values()) bridge.stop();
    this.#bridges.delete(keyOf(owner));
  }

  /** Settles when the peer has all that was written to the process's input. To be called when nobody writes to it any more. */
  async drained(owner: StreamsOwner): Promise<void> {
    const bridge = this.#of(owner).get("stdin");
    if (bridge instanceof InputBridge) await bridge.drained();
  }

  /** Ends all of them, for another daemon to go on. */
  async leave(): Promise<void> {
    await Promise.all(this.#all().map((bridge) => bridge.leave()));
  }

  /** Ends all of them: the pod is gone. */
  stop(): void {
    for (const bridge of this.#all()) bridge.stop();
    this.#bridges.clear();
  }

  #of(owner: StreamsOwner): ReadonlyMap<Name, Bridge> {
    return this.#bridges.get(keyOf(owner)) ?? new Map<Name, Bridge>();
  }

  #all(): readonly Bridge[] {
    return [...this.#bridges.values()].flatMap((bridges) => [...bridges.values()]);
  }

  #bridge(owner: StreamsOwner, fifos: TaskStdio, streams: ReadonlyMap<Name, PeerStream>): void {
    const bridges = new Map<Name, Bridge>();
    try {
      for (const name of names) {
        const path = fifos[name];
        if (path === "") continue;
        const options = {
          path,
          first: streams.get(name),
          connect: (signal: AbortSignal) => this.#connect(owner, name, signal),
          refused: (why: StatusError) => this.#warn(`${name} of a task is not copied any more`, owner, why),
        };
        // What reads the output of a first process is replaced when it fails; that of others goes with its only client.
        bridges.set(name, name === "stdin" ? new InputBridge(options) : new OutputBridge(options, owner.execId === ""));
      }
    } catch (error) {
      for (const bridge of bridges.values()) bridge.stop();
      throw error;
    }
    this.#bridges.set(keyOf(owner), bridges);
  }

  async #connect(owner: StreamsOwner, name: Name, signal: AbortSignal): Promise<PeerStream> {
    return await this.#open(await this.#options.endpoint(signal), streamId(owner, name), signal);
  }

  async #open(endpoint: TaskEndpoint, id: string, signal: AbortSignal): Promise<PeerStream> {
    const { namespace, timeoutMs } = this.#options;
    const client = await connectRpc(endpoint, timeoutMs, signal);
    const metadata = [[namespaceHeaders[endpoint.protocol], namespace] as const];
    return await PeerStream.open(client, { id, metadata, timeoutMs: timeoutMs }, signal);
  }

  #warn(message: string, { id, execId }: StreamsOwner, reason: unknown): void {
    const { sandboxId, log } = this.#options;
    const error = StatusError.from(reason).message;
    log("warn", message, { sandboxId, containerId: id, ...(execId && { execId }), error });
  }
}

const keyOf = ({ id, execId }: StreamsOwner): string => `${id}/${execId}`;

/** As containerd, iSulad and Kuasar name them: an additional process by its own id alone. */
const streamId = ({ id, execId }: StreamsOwner, name: Name): string => `${execId || id}-${name}`;

function streamAddress({ protocol, address }: TaskEndpoint, owner: StreamsOwner, name: Name): string {
  return `${protocol}+${address}?streaming_id=${streamId(owner, name)}`;
}
