import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, StatusError } from "@crib/errdefs";
import { addGrpcService, type GrpcCall, type GrpcHandlers, type ListeningGrpc, listenGrpc } from "@crib/grpc";
import { Controller } from "@crib/wire/sandbox";
import { Server } from "@grpc/grpc-js";

type Methods = (typeof Controller)["method"];
type Method = keyof Methods;
type Request<K extends Method> = Methods[K] extends DescMethodUnary<infer I, infer _> ? MessageShape<I> : never;
type Answer<K extends Method> = Methods[K] extends DescMethodUnary<infer _, infer O> ? MessageInitShape<O> : never;

/** Takes a call in place of the sandboxer; `next` does what that would have done. */
export type Fault<K extends Method> = (
  request: Request<K>,
  next: () => Promise<Answer<K>>,
  call: GrpcCall,
) => Promise<Answer<K>>;

/** A sandbox of the fake. */
interface Box {
  state: "created" | "running" | "ended";
  process?: ChildProcess;
  readonly exit: PromiseWithResolvers<{ readonly exitStatus: number; readonly exitedAt: Date }>;
  exitedAt?: Date;
}

/** What a fake varies. */
export interface FakeSandboxerOptions {
  /** Whether a sandbox has a process, a `sleep`. Default false. */
  readonly hasProcess?: boolean;
}

/** A call that never ends by itself. */
export const hang = (): Promise<never> => new Promise<never>(() => {});

/** A sandboxer that isolates nothing, on a real socket. It can go and come back, with or without what it knew. */
export class FakeSandboxer implements AsyncDisposable {
  readonly address: string;
  readonly boxes = new Map<string, Box>();
  /** Every call as it came. */
  readonly calls: { readonly method: Method; readonly request: unknown; readonly metadata: GrpcCall["metadata"] }[] =
    [];
  /** What happens instead of an answer, by method. */
  faults: { [K in Method]?: Fault<K> } = {};
  readonly #options: FakeSandboxerOptions;
  #listening: ListeningGrpc | undefined;

  constructor(address: string, options: FakeSandboxerOptions = {}) {
    this.address = address;
    this.#options = options;
  }

  /** Serves; what it knows is what it knew. */
  async up(): Promise<void> {
    const server = new Server();
    addGrpcService(server, Controller, this.#handlers());
    this.#listening = await listenGrpc(server, this.address);
  }

  /** Goes as a process does that is killed: every call is cut off. Its sandboxes run on. */
  async down(): Promise<void> {
    await this.#listening?.close(0);
    this.#listening = undefined;
  }

  /** Ends a sandbox by itself. */
  async end(id: string, exitStatus = 137): Promise<void> {
    const box = this.boxes.get(id);
    if (!box || box.state === "ended") return;
    const { process } = box;
    if (process && process.exitCode === null && process.signalCode === null) {
      const ended = once(process, "exit");
      process.kill("SIGKILL");
      await ended;
    }
    if (this.boxes.get(id)?.state !== "ended") this.#ended(box, exitStatus);
  }

  /** The requests of one method. */
  requests<K extends Method>(method: K): readonly Request<K>[] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request as Request<K>);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await Promise.all([...this.boxes.keys()].map((id) => this.end(id)));
  }

  #handlers(): GrpcHandlers<typeof Controller> {
    const { create, start, platform, stop, wait, status, shutdown, metrics, update } = this.#answers;
    return {
      create: this.#taken("create", create),
      start: this.#taken("start", start),
      platform: this.#taken("platform", platform),
      stop: this.#taken("stop", stop),
      wait: this.#taken("wait", wait),
      status: this.#taken("status", status),
      shutdown: this.#taken("shutdown", shutdown),
      metrics: this.#taken("metrics", metrics),
      update: this.#taken("update", update),
    };
  }

  #taken<K extends Method>(method: K, answer: (request: Request<K>) => Promise<Answer<K>>) {
    return async (request: Request<K>, call: GrpcCall): Promise<Answer<K>> => {
      this.calls.push({ method, request, metadata: call.metadata });
      const next = (): Promise<Answer<K>> => answer(request);
      const fault = this.faults[method];
      return await (fault ? fault(request, next, call) : next());
    };
  }

  readonly #answers: { readonly [K in Method]: (request: Request<K>) => Promise<Answer<K>> } = {
    create: async ({ sandboxId }) => {
      if (this.boxes.has(sandboxId)) throw new StatusError(Code.AlreadyExists, `"${sandboxId}" exists`);
      this.boxes.set(sandboxId, { state: "created", exit: Promise.withResolvers() });
      return { sandboxId };
    },
    start: async ({ sandboxId }) => {
      const box = this.#get(sandboxId);
      if (box.state !== "created") throw new StatusError(Code.FailedPrecondition, `"${sandboxId}" was started`);
      box.state = "running";
      if (this.#options.hasProcess === true) {
        box.process = spawn("sleep", ["60"], { stdio: "ignore" });
        box.process.once("exit", () => this.#ended(box, 137));
      }
      const pid = box.process?.pid ?? 0;
      return { sandboxId, pid, createdAt: timestampFromDate(new Date()), labels: { by: "fake" }, ...this.#endpoint() };
    },
    platform: async ({ sandboxId }) => {
      this.#get(sandboxId);
      return { platform: { os: "linux", architecture: "x86" } };
    },
    stop: async ({ sandboxId }) => {
      this.#get(sandboxId);
      await this.end(sandboxId);
      return {};
    },
    wait: async ({ sandboxId }) => {
      const { exitStatus, exitedAt } = await this.#get(sandboxId).exit.promise;
      return { exitStatus, exitedAt: timestampFromDate(exitedAt) };
    },
    status: async ({ sandboxId, verbose }) => {
      const { state, process, exitedAt } = this.#get(sandboxId);
      return {
        sandboxId,
        state: state === "running" ? "SANDBOX_READY" : "SANDBOX_NOTREADY",
        pid: state === "running" ? (process?.pid ?? 0) : 0,
        info: verbose ? { fake: "yes" } : {},
        ...this.#endpoint(),
        ...(exitedAt && { exitedAt: timestampFromDate(exitedAt) }),
      };
    },
    shutdown: async ({ sandboxId }) => {
      await this.end(sandboxId);
      this.boxes.delete(sandboxId);
      return {};
    },
    metrics: async ({ sandboxId }) => {
      this.#get(sandboxId);
      return {};
    },
    update: async ({ sandboxId }) => {
      this.#get(sandboxId);
      return {};
    },
  };

  #endpoint(): { readonly address: string; readonly version: number } {
    return { address: `ttrpc+unix://${this.address}.tasks`, version: 2 };
  }

  #ended(box: Box, exitStatus: number): void {
    box.state = "ended";
    box.exitedAt = new Date();
    box.exit.resolve({ exitStatus, exitedAt: box.exitedAt });
  }

  #get(id: string): Box {
    const box = this.boxes.get(id);
    if (box) return box;
    throw new StatusError(Code.NotFound, `"${id}" is unknown`);
  }
}
