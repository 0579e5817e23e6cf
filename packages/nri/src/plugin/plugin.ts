import { performance } from "node:perf_hooks";
import type { Duplex } from "node:stream";

import type { DescMessage, DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { createTtrpcServer, openTtrpcClient, RemoteError, type TtrpcClient } from "@crib/ttrpc";
import { type ContainerEviction, type ContainerUpdate, Plugin as PluginService, Runtime } from "@crib/wire/nri";

import type { NriEvent, NriLog, NriOptions, PluginInfo } from "../types.ts";
import { connectionIds, Trunk } from "../wire/trunk.ts";
import { allEvents, eventBit, eventsOf } from "./events.ts";
import type { InvocationCounters } from "./invocation-counters.ts";
import { Turns } from "./turns.ts";

/** The version of NRI that plugins are told: the one whose messages are spoken. */
const nriVersion = "v0.12.2";

/** Who a plugin is: from its file's name, or as it says itself. */
export interface PluginIdentity {
  readonly index: string;
  readonly name: string;
}

/** Where a plugin's connection comes from. */
export interface PluginOrigin {
  /** 0 where this process cannot see it. */
  readonly pid: number;
  /** Of a plugin that was started by the runtime; others tell it themselves. */
  readonly identity?: PluginIdentity;
}

/** What a plugin needs of its surroundings. */
export interface PluginContext {
  readonly options: NriOptions;
  readonly log: NriLog;
  readonly counters: InvocationCounters;
  /** Serves a plugin's own wish; throws what the plugin is answered. */
  readonly onUpdate: (
    plugin: Plugin,
    updates: readonly ContainerUpdate[],
    evictions: readonly ContainerEviction[],
  ) => Promise<void>;
}

/** What became of a call: an answer, or the plugin was lost over it. A refusal is thrown. */
export type Outcome<T> = { readonly kind: "answer"; readonly message: T } | { readonly kind: "lost" };

/** How a call is bounded. */
export interface PluginCall {
  /** An event's name, or another operation's. */
  readonly operation: string;
  readonly timeoutMs: number;
  /** Ends the caller's wait; the plugin stays. */
  readonly signal?: AbortSignal;
}

/** One connection of a plugin. Whatever it does wrong closes this connection and nothing else. */
export class Plugin {
  /** Resolves with the reason when the plugin is lost or was closed. */
  readonly closed: Promise<string>;
  /** Set when the plugin has no call for each event: it is told by StateChange. */
  usesStateChange = false;
  readonly #context: PluginContext;
  readonly #trunk: Trunk;
  readonly #client: TtrpcClient;
  readonly #turns: Turns;
  readonly #registered = Promise.withResolvers<void>();
  readonly #origin: PluginOrigin;
  #identity: PluginIdentity | undefined;
  #events = 0;
  #joined = false;

  /** Takes over the socket. */
  constructor(socket: Duplex, context: PluginContext, origin: PluginOrigin) {
    this.#context = context;
    this.#identity = origin.identity;
    this.#origin = origin;
    this.#turns = new Turns(Math.min(Math.max(context.options.maxConcurrentEvents ?? 32, 1), 100));
    this.#trunk = new Trunk(socket);
    // Both before the trunk is read: a frame for a connection that does not exist ends it.
    this.#client = openTtrpcClient(this.#trunk.open(connectionIds.plugin));
    const server = createTtrpcServer({ maxCallsPerConnection: 64 });
    server.handle(Runtime, {
      registerPlugin: (request) => this.#register(request.pluginName, request.pluginIdx),
      updateContainers: (request) => this.#update(request.update, request.evict),
    });
    server.serve(this.#trunk.open(connectionIds.runtime));
    this.closed = this.#whyClosed();
    this.#registered.promise.catch(() => {}); // whoever waits for the registration sees it
  }

  /** `NN-name`; empty until it is registered. */
  get fullName(): string {
    return this.#identity === undefined ? "" : `${this.#identity.index}-${this.#identity.name}`;
  }

  /** Two digits, by which plugins are sorted. */
  get index(): string {
    return this.#identity?.index ?? "";
  }

  get isClosed(): boolean {
    return this.#trunk.why !== undefined;
  }

  get info(): PluginInfo {
    return {
      fullName: this.fullName,
      index: this.index,
      name: this.#identity?.name ?? "",
      events: eventsOf(this.#events),
      pid: this.#origin.pid,
    };
  }

  /** Whether an event is for it. */
  wants(event: NriEvent): boolean {
    return (this.#events & eventBit(event)) !== 0 && !this.isClosed;
  }

  /** From now on it may ask for updates by itself. */
  markJoined(): void {
    this.#joined = true;
  }

  /** Waits until it has registered. Fails, and closes it, when it does not in time. */
  async register(): Promise<void> {
    const { registrationTimeoutMs } = this.#context.options;
    const late = setTimeout(
      () => this.#trunk.close(`not registered within ${registrationTimeoutMs} ms`),
      registrationTimeoutMs,
    );
    try {
      await this.#registered.promise;
    } finally {
      clearTimeout(late);
    }
  }

  /** Gives the plugin its configuration and learns what it subscribes to. Fails, and closes it, when that is nothing sensible. */
  async configure(config: string): Promise<void> {
    const { options } = this.#context;
    const { registrationTimeoutMs, requestTimeoutMs } = options;
    const outcome = await this.call(
      PluginService.method.configure,
      {
        config,
        runtimeName: options.runtimeName ?? "crib",
        runtimeVersion: options.runtimeVersion ?? "0.1.0",
        registrationTimeout: BigInt(Math.round(registrationTimeoutMs)),
        requestTimeout: BigInt(Math.round(requestTimeoutMs)),
        NRIVersion: nriVersion,
      },
      { operation: "Configure", timeoutMs: requestTimeoutMs },
    );
    if (outcome.kind === "lost") throw this.#lostError("configuring");
    const { events } = outcome.message;
    if ((events & ~allEvents) !== 0) {
      throw new StatusError(
        Code.InvalidArgument,
        `configuring plugin "${this.fullName}": it subscribes to unknown events (mask 0x${(events >>> 0).toString(16)})`,
      );
    }
    this.#events = events === 0 ? allEvents : events;
  }

  /**
   * Calls the plugin. When it is late, breaks the protocol or its connection, it is closed and the outcome is `lost`. Throws
   * FailedPrecondition, with the plugin's words, when it refuses, and the signal's reason.
   */
  async call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    { operation, timeoutMs, signal }: PluginCall,
  ): Promise<Outcome<MessageShape<O>>> {
    await this.#turns.enter();
    if (this.isClosed) {
      this.#turns.leave();
      return { kind: "lost" };
    }
    const startedAt = performance.now();
    const count = (status: "ok" | "refused" | "lost"): void =>
      this.#context.counters.add(this.fullName, operation, status, performance.now() - startedAt);
    try {
      signal?.throwIfAborted();
      const message = await this.#client.unary(method, request, { timeoutMs, signal });
      count("ok");
      return { kind: "answer", message };
    } catch (error) {
      if (signal?.aborted === true && !this.isClosed)
        throw StatusError.from(signal.reason, `telling plugins of ${operation}`);
      if (this.isClosed || isFatal(error)) {
        this.#lose(operation, error, performance.now() - startedAt);
        count("lost");
        return { kind: "lost" };
      }
      count("refused");
      throw this.#refusal(operation, error);
    } finally {
      this.#turns.leave();
    }
  }

  /** Ends the connection for this reason. Idempotent. */
  close(why: string): void {
    this.#trunk.close(why);
    this.#registered.reject(new StatusError(Code.Unavailable, `plugin "${this.fullName}" was closed: ${why}`));
  }

  #register(name: string, index: string): object {
    if (this.#events !== 0 || this.#joined) throw refused(`plugin "${this.fullName}" is registered already`);
    if (this.#origin.identity === undefined) {
      if (this.#identity !== undefined) throw refused(`plugin "${this.fullName}" is registered already`);
      try {
        this.#identity = checkIdentity(name, index);
      } catch (error) {
        // After the answer has left.
        setImmediate(() => this.close((error as Error).message));
        throw error;
      }
    }
    // The answer is written before anything that the registration lets begin.
    setImmediate(() => this.#registered.resolve());
    return {};
  }

  async #update(updates: readonly ContainerUpdate[], evictions: readonly ContainerEviction[]): Promise<object> {
    if (!this.#joined) throw refused("updating containers: the plugin has not joined yet");
    await this.#context.onUpdate(this, updates, evictions);
    return { failed: [] };
  }

  #lose(operation: string, error: unknown, ms: number): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#context.log("error", "NRI plugin lost: it goes on without it", {
      plugin: this.fullName,
      pid: this.#origin.pid,
      event: operation,
      durationMs: Math.round(ms),
      why: this.#trunk.why ?? why,
    });
    this.close(`${operation}: ${why}`);
  }

  #refusal(operation: string, error: unknown): StatusError {
    const words = boundedWords(error instanceof Error ? error.message : String(error));
    return new StatusError(Code.FailedPrecondition, `plugin "${this.fullName}" refused ${operation}: ${words}`, {
      cause: error,
    });
  }

  #lostError(doing: string): StatusError {
    return new StatusError(Code.Unavailable, `${doing} plugin "${this.fullName}": ${this.#trunk.why ?? "lost"}`);
  }

  async #whyClosed(): Promise<string> {
    const why = await this.#trunk.closed;
    // Where the runtime hung up, the protocol's side knows why.
    const reason = why === "closed by the runtime" ? (await this.#client.closed).message : why;
    this.#registered.reject(new StatusError(Code.Unavailable, `plugin "${this.fullName}": ${reason}`));
    return reason;
  }
}

/** What a plugin says, short enough for the error of a gRPC call, which travels in a header. */
export function boundedWords(words: string): string {
  return words.length > 1_000 ? `${words.slice(0, 1_000)}...` : words;
}

function refused(message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, message);
}

/** Late, or no answer that can be read. What the plugin itself answered is none of these, but for being late by its own clock. */
function isFatal(error: unknown): boolean {
  if (hasCode(error, Code.DeadlineExceeded)) return true;
  return !(error instanceof RemoteError) && (hasCode(error, Code.Unavailable) || hasCode(error, Code.Internal));
}

function checkIdentity(name: string, index: string): PluginIdentity {
  const who = `registering plugin ${JSON.stringify(`${index}-${name}`.slice(0, 100))}`;
  if (!/^[A-Za-z0-9_.+-]{1,255}$/.test(name)) {
    throw new StatusError(Code.InvalidArgument, `${who}: a name is made of letters, digits and "_.+-"`);
  }
  if (!/^\d\d$/.test(index)) throw new StatusError(Code.InvalidArgument, `${who}: an index is two digits`);
  return { index, name };
}
