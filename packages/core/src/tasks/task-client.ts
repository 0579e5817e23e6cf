import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, StatusError, hasCode } from "@crib/errdefs";
import type { TaskEndpoint } from "@crib/sandboxer";
import { TaskV2, TaskV3 } from "@crib/wire/task";

import { namespaceHeaders, type RpcClient } from "./endpoints/connect-rpc.ts";
import type { TaskCall, TaskClient } from "./types.ts";

type MethodName = keyof typeof TaskV2.method;
type Input<M extends MethodName> = (typeof TaskV2.method)[M]["input"];
type Output<M extends MethodName> = (typeof TaskV2.method)[M]["output"];

/** Milliseconds; what is not here has no deadline. */
const deadlines: Partial<Record<MethodName, number>> = {
  create: 60_000,
  start: 60_000,
  delete: 15_000, // the shim waits up to 10 s for the output to drain
  kill: 10_000,
  exec: 10_000,
  state: 2_000,
  pids: 5_000,
  stats: 5_000,
  update: 30_000,
  checkpoint: 75_000,
  pause: 10_000,
  resume: 10_000,
  resizePty: 5_000,
  closeIO: 5_000,
  connect: 5_000,
  shutdown: 3_000,
};

/** What a task client is made over. */
export interface TaskConnection {
  readonly client: Pick<RpcClient, "unary">;
  /** Default: ttrpc. */
  readonly protocol?: TaskEndpoint["protocol"];
  /** 2 or 3, as the shim said at its start. */
  readonly version: number;
  /** Sent with every call: shims other than runc's know it from nowhere else. */
  readonly namespace: string;
  /** Id of the bundle, quoted in errors. */
  readonly id: string;
}

/** The task service at the other end of a connection. */
export function createTaskClient(connection: TaskConnection): TaskClient {
  const caller = new Caller(connection);
  const call = caller.call.bind(caller);
  return {
    get version() {
      return caller.version;
    },
    get hasAbandoned() {
      return caller.hasAbandoned;
    },
    create: async (request, signal, options) => (await call("create", request, signal, options)).pid,
    start: async (id, execId, signal, options) => (await call("start", { id, execId }, signal, options)).pid,
    delete: (id, execId, signal, options) => call("delete", { id, execId }, signal, options),
    kill: async (request, signal, options) => void (await call("kill", request, signal, options)),
    exec: async (request, signal, options) => void (await call("exec", request, signal, options)),
    state: (id, execId, signal, options) => call("state", { id, execId }, signal, options),
    wait: (id, execId, signal, options) => call("wait", { id, execId }, signal, options),
    pids: (id, signal, options) => call("pids", { id }, signal, options),
    stats: (id, signal, options) => call("stats", { id }, signal, options),
    update: async (request, signal, options) => void (await call("update", request, signal, options)),
    checkpoint: async (request, signal, options) => void (await call("checkpoint", request, signal, options)),
    pause: async (id, signal, options) => void (await call("pause", { id }, signal, options)),
    resume: async (id, signal, options) => void (await call("resume", { id }, signal, options)),
    resizePty: async (id, execId, size, signal, options) =>
      void (await call("resizePty", { id, execId, ...size }, signal, options)),
    closeStdin: async (id, execId, signal, options) =>
      void (await call("closeIO", { id, execId, stdin: true }, signal, options)),
    connect: (id, signal, options) => call("connect", { id }, signal, options),
    shutdown: (id, signal, options) => caller.shutdown(id, signal, options),
  };
}

class Caller {
  version: number;
  hasAbandoned = false;
  readonly #connection: TaskConnection;

  constructor(connection: TaskConnection) {
    this.#connection = connection;
    this.version = connection.version;
  }

  async call<M extends MethodName>(
    method: M,
    request: MessageInitShape<Input<M>>,
    signal: AbortSignal,
    options?: TaskCall,
  ): Promise<MessageShape<Output<M>>> {
    try {
      return await this.#send(this.version, method, request, signal, options);
    } catch (error) {
      if (this.version < 3 || !hasCode(error, Code.Unimplemented)) throw this.#describe(error, method);
    }
    try {
      const answer = await this.#send(2, method, request, signal, options);
      this.version = 2; // an old shim process under an upgraded binary
      return answer;
    } catch (error) {
      throw this.#describe(error, method);
    }
  }

  async shutdown(id: string, signal: AbortSignal, options?: TaskCall): Promise<void> {
    try {
      await this.call("shutdown", { id }, signal, options);
    } catch (error) {
      // A shim that obeys may be gone before its answer has been read.
      if (!hasCode(error, Code.Unavailable)) throw error;
    }
  }

  async #send<M extends MethodName>(
    version: number,
    method: M,
    request: MessageInitShape<Input<M>>,
    signal: AbortSignal,
    options: TaskCall | undefined,
  ): Promise<MessageShape<Output<M>>> {
    const { client, namespace, protocol = "ttrpc" } = this.#connection;
    const timeoutMs = options?.timeoutMs ?? deadlines[method];
    const callOptions = {
      signal,
      timeoutMs: timeoutMs === Infinity ? undefined : timeoutMs,
      metadata: [[namespaceHeaders[protocol], namespace] as const],
    };
    try {
      return (await client.unary(descriptor(version, method), request, callOptions)) as MessageShape<Output<M>>;
    } catch (error) {
      const isGivenUp = hasCode(error, Code.Canceled) || hasCode(error, Code.DeadlineExceeded);
      if (isGivenUp && method !== "wait") this.hasAbandoned = true;
      throw error;
    }
  }

  #describe(error: unknown, method: string): StatusError {
    return StatusError.from(error, `calling ${method} of the shim of "${this.#connection.id}"`);
  }
}

/** The two services have the same messages; only the name that travels with the call differs. */
function descriptor(version: number, method: MethodName): DescMethodUnary {
  return (version >= 3 ? TaskV3 : TaskV2).method[method];
}
