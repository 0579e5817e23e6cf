import { EventEmitter, setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

import { Code, hasCode, StatusError } from "@crib/errdefs";
import { type CallOptions, grpcServiceClient, type ServiceClient } from "@crib/grpc";
import { Controller, type ControllerWaitResponse } from "@crib/wire/sandbox";

import { waitFor } from "../../flow/budget.ts";
import { isConnectionError, mayBeConnectionError, sayUnreachable } from "./connection-errors.ts";
import { openChannel } from "./open-channel.ts";
import type { ProxyBudgets, ProxyControllerOptions, SandboxerState } from "./types.ts";
import { WaitChannels } from "./wait-channels.ts";

/** An id that no sandbox has. */
const nobody = "0".repeat(64);

/** Milliseconds by which a deadline may seem to come early: clocks are read in whole ones, and the sandboxer is told of it too. */
const earlyMs = 10;

/** A call to a sandboxer, over the client with these options. */
export type SandboxerCall<T> = (client: ServiceClient<typeof Controller>, options: CallOptions) => Promise<T>;

/** Since when a sandboxer cannot be reached, and why. */
export interface Loss {
  readonly since: Date;
  readonly reason: string;
}

type LossUntilBack = Loss & PromiseWithResolvers<void>;

/**
 * The connection to one sandboxer: calls with deadlines and errors that name it, and the knowledge whether it is there. While it is
 * not, one prober looks for it, however many sandboxes wait. Connects with the first call.
 */
export class SandboxerLink {
  readonly name: string;
  readonly address: string;
  readonly #options: ProxyControllerOptions;
  readonly #budgets: ProxyBudgets;
  readonly #channel: ReturnType<typeof openChannel>;
  readonly #client: ServiceClient<typeof Controller>;
  readonly #waits: WaitChannels;
  readonly #closing = new AbortController();
  readonly #returns = new EventEmitter();
  #up = connected();
  #loss: LossUntilBack | undefined;
  #reachedAt: Date | undefined;
  #isSuspected = false;
  readonly #openedAt = new Date();

  constructor(options: ProxyControllerOptions, budgets: ProxyBudgets) {
    const { name, address } = options.config;
    this.name = name;
    this.address = address;
    this.#options = options;
    this.#budgets = budgets;
    const metadata = { "containerd-namespace": options.namespace ?? "k8s.io" };
    this.#channel = openChannel(address, budgets.probe);
    this.#client = grpcServiceClient(Controller, this.#channel, { metadata });
    this.#waits = new WaitChannels(() => openChannel(address, budgets.probe), metadata);
  }

  /** Absent as far as is known that it can be reached. */
  get loss(): Loss | undefined {
    return this.#loss;
  }

  get state(): Pick<SandboxerState, "state" | "since" | "lastError"> {
    const loss = this.#loss;
    const lastError = loss && { lastError: loss.reason };
    if (this.#reachedAt === undefined) return { state: "never reached", since: this.#openedAt, ...lastError };
    if (loss === undefined) return { state: "connected", since: this.#reachedAt };
    return { state: "lost", since: loss.since, ...lastError };
  }

  /** Makes a call. `doing` begins the message of its error; an answered error keeps its code. */
  async call<T>(doing: string, timeoutMs: number, signal: AbortSignal, send: SandboxerCall<T>): Promise<T> {
    const deadline = performance.now() + timeoutMs;
    const held = AbortSignal.any([signal, this.#closing.signal]);
    try {
      const answer = await send(this.#client, { signal: held, timeoutMs });
      this.#found();
      return answer;
    } catch (reason) {
      throw this.#failure(doing, reason, signal, performance.now() >= deadline - earlyMs);
    }
  }

  /** Holds a Wait until it is answered, the sandboxer is lost or `signal` is aborted. */
  async wait(id: string, signal: AbortSignal, timeoutMs = 0): Promise<ControllerWaitResponse> {
    const held = AbortSignal.any([signal, this.#up.signal]);
    try {
      const request = { sandboxId: id, sandboxer: this.name };
      const answer = await this.#waits.wait(request, { signal: held, timeoutMs });
      this.#found();
      return answer;
    } catch (reason) {
      throw this.#failure(`waiting for sandbox "${id}"`, reason, held);
    }
  }

  /** Settles at once unless it is lost, else when it is back. */
  async whenUp(signal: AbortSignal): Promise<void> {
    if (this.#loss) await waitFor(this.#loss.promise, signal);
  }

  /** Calls `listener` each time it is back after a loss: it may have forgotten what it was told. */
  onReturn(listener: () => void): void {
    this.#returns.on("return", listener);
  }

  /** Asks for what does not exist. Settles when anything of a sandboxer answers. */
  async greet(signal: AbortSignal): Promise<void> {
    const request = { sandboxId: nobody, sandboxer: this.name };
    try {
      await this.call("greeting it", this.#budgets.other, signal, (client, options) => client.status(request, options));
    } catch (reason) {
      if (!hasCode(reason, Code.NotFound)) throw reason;
    }
  }

  /** Closes the connections; every call, in flight or made later, fails with that code and text. The first reason counts. */
  close(reason: StatusError): void {
    this.#closing.abort(reason);
    this.#channel.close();
    this.#waits.close();
  }

  /** `isLate`: our own deadline has passed; a sandboxer may answer the same code of something that it waited for. */
  #failure(doing: string, reason: unknown, signal: AbortSignal, isLate = false): StatusError {
    const error = StatusError.from(reason);
    if (signal.aborted) return StatusError.from(error, doing);
    if (this.#closing.signal.aborted) return StatusError.from(this.#closing.signal.reason, doing);
    const who = `sandboxer "${this.name}"`;
    if (isConnectionError(error)) {
      const { since } = this.#lose(sayUnreachable(error));
      const text = `${doing}: ${who} at "${this.address}" cannot be reached since ${since.toISOString()}: ${sayUnreachable(error)}`;
      return new StatusError(Code.Unavailable, text, { cause: error });
    }
    if (mayBeConnectionError(error)) this.#suspect();
    else this.#found();
    if (error.code === Code.Canceled) {
      return new StatusError(Code.Unavailable, `${doing}: ${who} has broken off the call`, { cause: error });
    }
    const why = isLate && error.code === Code.DeadlineExceeded ? " has not answered in time" : `: ${error.message}`;
    return new StatusError(error.code, `${doing}: ${who}${why}`, { cause: error });
  }

  #found(): void {
    const loss = this.#loss;
    if (loss === undefined) {
      this.#reachedAt ??= new Date();
      return;
    }
    const wasReached = this.#reachedAt !== undefined;
    this.#reachedAt = new Date();
    this.#loss = undefined;
    this.#up = connected();
    this.#waits.close();
    const lostMs = this.#reachedAt.getTime() - loss.since.getTime();
    this.#options.log("info", wasReached ? "sandboxer is back" : "sandboxer is there", { ...this.#fields(), lostMs });
    this.#returns.emit("return");
    loss.resolve();
  }

  #lose(reason: string): Loss {
    if (this.#loss !== undefined) return this.#loss;
    const loss = { since: new Date(), reason, ...Promise.withResolvers<void>() };
    this.#loss = loss;
    this.#options.log("warn", "sandboxer cannot be reached", { ...this.#fields(), error: reason });
    this.#up.abort(new StatusError(Code.Unavailable, `sandboxer "${this.name}" is lost: ${reason}`));
    this.#probe(loss).catch(() => {}); // ends with the loss, or with the daemon
    return loss;
  }

  /** A call may have failed for one sandbox, or because the sandboxer as a whole hangs or goes: asked, it says so. */
  #suspect(): void {
    if (this.#loss !== undefined || this.#isSuspected) return;
    this.#isSuspected = true;
    this.greet(this.#closing.signal)
      .catch((reason: unknown) => {
        if (this.#closing.signal.aborted) return;
        if (hasCode(reason, Code.DeadlineExceeded)) this.#lose("it does not answer");
        if (hasCode(reason, Code.Unavailable)) this.#lose((reason as Error).message);
      })
      .finally(() => (this.#isSuspected = false));
  }

  async #probe(loss: Loss): Promise<void> {
    const { signal } = this.#closing;
    while (this.#loss === loss) {
      await delay(this.#budgets.probe, undefined, { ref: false, signal });
      await this.greet(signal).catch(() => {}); // whatever was answered has ended the loss
    }
  }

  #fields(): Readonly<Record<string, unknown>> {
    return { sandboxer: this.name, address: this.address };
  }
}

/** Aborted when the connection is lost. */
function connected(): AbortController {
  const up = new AbortController();
  setMaxListeners(0, up.signal); // one for each sandbox
  return up;
}
