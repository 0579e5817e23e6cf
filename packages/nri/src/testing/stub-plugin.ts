import { once } from "node:events";
import { connect } from "node:net";
import type { Duplex } from "node:stream";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createTtrpcServer, openTtrpcClient, type ServiceHandlers, type TtrpcClient } from "@crib/ttrpc";
import {
  type ConfigureRequest,
  type Container,
  type ContainerEvictionSchema,
  type ContainerUpdateSchema,
  Plugin as PluginService,
  type PodSandbox,
  Runtime,
  type SynchronizeResponseSchema,
} from "@crib/wire/nri";

import { eventBit } from "../plugin/events.ts";
import type { NriEvent } from "../types.ts";
import { connectionIds, Trunk } from "../wire/trunk.ts";

/** Answers of a plugin, by the calls of its service; what is not there is answered with nothing. */
export type StubHandlers = Omit<ServiceHandlers<typeof PluginService>, "configure" | "synchronize">;

/** How a stub plugin behaves. */
export interface StubOptions {
  /** Default `stub`. */
  readonly name?: string;
  /** Default `00`. */
  readonly index?: string;
  /** What it subscribes to; default: all events. A number is sent as it is. */
  readonly events?: readonly NriEvent[] | number;
  readonly on?: StubHandlers;
  /** Called with its configuration, before it is answered. */
  readonly onConfigure?: (request: ConfigureRequest) => Promise<void> | void;
  /** Called with everything that there is; what it gives is the reply. */
  readonly onSynchronize?: (
    set: StubSet,
  ) =>
    | Promise<MessageInitShape<typeof SynchronizeResponseSchema> | void>
    | MessageInitShape<typeof SynchronizeResponseSchema>
    | void;
  /** Calls that it does not have: they are answered with Unimplemented. */
  readonly lacks?: readonly (keyof StubHandlers)[];
  /** Default true. Without it nothing is sent by itself. */
  readonly registers?: boolean;
  /** How many messages a set may come in; more are not understood. Default: any number. */
  readonly maxSynchronizeMessages?: number;
}

/** What a plugin is told when it joins. */
export interface StubSet {
  readonly pods: readonly PodSandbox[];
  readonly containers: readonly Container[];
}

/** An event that a stub plugin was told. */
export interface StubEvent {
  readonly event: string;
  readonly podId: string | undefined;
  readonly containerId: string | undefined;
}

/** A plugin in this process, for tests and examples. */
export interface StubPlugin extends AsyncDisposable {
  /** Every event so far, in the order they came. */
  readonly told: readonly StubEvent[];
  /** The configuration it was given; undefined before. */
  readonly configuration: ConfigureRequest | undefined;
  /** Settles when it has answered Synchronize with all there is; rejects when the connection ends before. */
  readonly synchronized: Promise<StubSet>;
  /** Settles when the connection has ended, with the reason. */
  readonly closed: Promise<string>;
  /** Registers; for a stub that does not by itself. */
  register(name?: string, index?: string): Promise<void>;
  /** Asks for changes by itself. Fails with what the runtime answers. */
  updateContainers(
    update: readonly MessageInitShape<typeof ContainerUpdateSchema>[],
    evict?: readonly MessageInitShape<typeof ContainerEvictionSchema>[],
  ): Promise<void>;
  /** Reads nothing any more, and stays. */
  stopReading(): void;
  /** Ends the connection at once. */
  close(): Promise<void>;
}

const calls = Object.keys(PluginService.method).filter((name) => name !== "configure" && name !== "synchronize");

/** Connects a stub plugin to a runtime's socket and, unless told otherwise, registers it. It has joined once `synchronized` settles. */
export async function connectStubPlugin(socketPath: string, options: StubOptions = {}): Promise<StubPlugin> {
  const socket = connect(socketPath);
  await once(socket, "connect");
  return openStubPlugin(socket, options);
}

/** As `connectStubPlugin`, over a connection that is there. */
export async function openStubPlugin(socket: Duplex, options: StubOptions = {}): Promise<StubPlugin> {
  const plugin = new Stub(socket, options);
  if (options.registers !== false) await plugin.register();
  return plugin;
}

class Stub implements StubPlugin {
  readonly told: StubEvent[] = [];
  configuration: ConfigureRequest | undefined;
  readonly synchronized: Promise<StubSet>;
  readonly closed: Promise<string>;
  readonly #options: StubOptions;
  readonly #socket: Duplex;
  readonly #trunk: Trunk;
  readonly #runtime: TtrpcClient;
  readonly #synchronized = Promise.withResolvers<StubSet>();
  readonly #set: { pods: PodSandbox[]; containers: Container[] } = { pods: [], containers: [] };
  #messages = 0;

  constructor(socket: Duplex, options: StubOptions) {
    this.#options = options;
    this.#socket = socket;
    this.#trunk = new Trunk(socket);
    const server = createTtrpcServer();
    server.handle(PluginService, this.#handlers());
    server.serve(this.#trunk.open(connectionIds.plugin));
    this.#runtime = openTtrpcClient(this.#trunk.open(connectionIds.runtime));
    this.closed = this.#trunk.closed;
    this.synchronized = this.#synchronized.promise;
    this.synchronized.catch(() => {}); // not every test asks
    void this.closed.then((why) => this.#synchronized.reject(new Error(`the connection ended: ${why}`)));
  }

  async register(name = this.#options.name ?? "stub", index = this.#options.index ?? "00"): Promise<void> {
    await this.#runtime.unary(Runtime.method.registerPlugin, { pluginName: name, pluginIdx: index, NRIVersion: "" });
  }

  async updateContainers(
    update: readonly MessageInitShape<typeof ContainerUpdateSchema>[],
    evict: readonly MessageInitShape<typeof ContainerEvictionSchema>[] = [],
  ): Promise<void> {
    await this.#runtime.unary(Runtime.method.updateContainers, { update: [...update], evict: [...evict] });
  }

  stopReading(): void {
    this.#socket.pause();
  }

  async close(): Promise<void> {
    this.#trunk.close("the plugin ends");
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #handlers(): ServiceHandlers<typeof PluginService> {
    const { events = 0, on = {}, lacks = [] } = this.#options;
    const mask = typeof events === "number" ? events : events.reduce((bits, event) => bits | eventBit(event), 0);
    const handlers: Record<string, unknown> = {
      configure: async (request: ConfigureRequest) => {
        this.configuration = request;
        await this.#options.onConfigure?.(request);
        return { events: mask };
      },
      synchronize: (request: StubSet & { readonly more: boolean }) => this.#synchronize(request),
    };
    for (const name of calls) {
      if (lacks.includes(name as keyof StubHandlers)) continue;
      const answer = on[name as keyof StubHandlers] as ((...args: unknown[]) => unknown) | undefined;
      handlers[name] = (request: { pod?: PodSandbox; container?: Container }, context: unknown) => {
        const event = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
        this.told.push({ event, podId: request.pod?.id, containerId: request.container?.id });
        return answer?.(request, context) ?? {};
      };
    }
    return handlers;
  }

  async #synchronize(
    request: StubSet & { readonly more: boolean },
  ): Promise<MessageInitShape<typeof SynchronizeResponseSchema>> {
    this.#messages += 1;
    this.#set.pods.push(...request.pods);
    this.#set.containers.push(...request.containers);
    if (request.more) return { more: this.#messages < (this.#options.maxSynchronizeMessages ?? Infinity) };
    const reply = (await this.#options.onSynchronize?.(this.#set)) ?? {};
    // The reply leaves before whoever waits goes on.
    setImmediate(() => this.#synchronized.resolve(this.#set));
    return reply;
  }
}
