import { connect, type Socket } from "node:net";

import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { Code, hasCode, StatusError } from "@crib/errdefs";
import { openGrpcConnection } from "@crib/grpc";
import type { TaskEndpoint } from "@crib/sandboxer";
import { openTtrpcClient, type TtrpcClient } from "@crib/ttrpc";
import { Sandbox } from "@crib/wire/sandbox";

import { unixPath } from "../../../tasks/index.ts";

/** A method of containerd.runtime.sandbox.v1.Sandbox. */
export type SandboxMethod = keyof typeof Sandbox.method;

/** What bounds one call. Without a deadline it lasts as long as the connection. */
export interface SandboxCall {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

/** The Sandbox service of a shim, over one connection. Errors have the codes of the shim. */
export interface SandboxClient {
  /** Unavailable when the connection is lost; DeadlineExceeded at the deadline. The shim may go on with what was given up. */
  call<M extends SandboxMethod>(
    method: M,
    request: MessageInitShape<(typeof Sandbox.method)[M]["input"]>,
    call: SandboxCall,
  ): Promise<MessageShape<(typeof Sandbox.method)[M]["output"]>>;
  /** Whether a call that creates, starts or stops was given up: the shim may still be at work on it. */
  readonly hasAbandoned: boolean;
  /** Settles, and never rejects, when the connection is lost: at the latest when the shim dies. */
  readonly closed: Promise<StatusError>;
  close(): Promise<void>;
}

/** What is dialled, and as whom. */
export interface SandboxDial {
  /** Of the sandbox; quoted in errors. */
  readonly id: string;
  readonly endpoint: TaskEndpoint;
  /** containerd namespace, sent with every call. */
  readonly namespace: string;
  readonly timeoutMs: number;
}

const works: ReadonlySet<SandboxMethod> = new Set(["createSandbox", "startSandbox", "stopSandbox"]);

type Connection = Pick<TtrpcClient, "unary" | "closed" | "close">;

/**
 * Connects to a shim, and asks it nothing. NotFound when nobody listens, DeadlineExceeded when the connection is not taken, Unimplemented
 * for sockets other than unix ones.
 */
export async function dialSandbox(dial: SandboxDial, signal: AbortSignal): Promise<SandboxClient> {
  const { id, endpoint, namespace, timeoutMs } = dial;
  const doing = `connecting to the shim of sandbox "${id}" at "${endpoint.address}"`;
  const path = unixPath(endpoint.address);
  if (path === undefined) throw new StatusError(Code.Unimplemented, `${doing}: only unix sockets are spoken`);
  const socket = await connectSocket(path, timeoutMs, signal, doing);
  return endpoint.protocol === "grpc"
    ? new ClientOverConnection(id, openGrpcConnection(socket), ["containerd-namespace", namespace])
    : new ClientOverConnection(id, openTtrpcClient(socket), ["containerd-namespace-ttrpc", namespace]);
}

class ClientOverConnection implements SandboxClient {
  hasAbandoned = false;
  readonly closed: Promise<StatusError>;
  readonly #id: string;
  readonly #connection: Connection;
  readonly #namespace: readonly [string, string];

  constructor(id: string, connection: Connection, namespace: readonly [string, string]) {
    this.#id = id;
    this.#connection = connection;
    this.#namespace = namespace;
    this.closed = connection.closed;
  }

  async call<M extends SandboxMethod>(
    method: M,
    request: MessageInitShape<(typeof Sandbox.method)[M]["input"]>,
    { signal, timeoutMs }: SandboxCall,
  ): Promise<MessageShape<(typeof Sandbox.method)[M]["output"]>> {
    type Answer = MessageShape<(typeof Sandbox.method)[M]["output"]>;
    try {
      const options = { signal, timeoutMs, metadata: [this.#namespace] };
      return (await this.#connection.unary(descriptor(method), request, options)) as Answer;
    } catch (error) {
      const isGivenUp = hasCode(error, Code.Canceled) || hasCode(error, Code.DeadlineExceeded);
      if (isGivenUp && works.has(method)) this.hasAbandoned = true;
      throw StatusError.from(error, `calling ${Sandbox.method[method].name} of the shim of sandbox "${this.#id}"`);
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

function descriptor(method: SandboxMethod): DescMethodUnary {
  return Sandbox.method[method];
}

async function connectSocket(path: string, timeoutMs: number, signal: AbortSignal, doing: string): Promise<Socket> {
  signal.throwIfAborted();
  const socket = connect({ path });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const late = (): void => reject(new StatusError(Code.DeadlineExceeded, `${doing}: not taken in ${timeoutMs} ms`));
  const timer = setTimeout(late, timeoutMs);
  const aborted = (): void => reject(StatusError.from(signal.reason, doing));
  signal.addEventListener("abort", aborted, { once: true });
  socket.once("connect", resolve);
  const failed = (error: Error): void => reject(classify(error, doing));
  socket.once("error", failed);
  try {
    await promise;
    socket.off("error", failed);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  }
}

function classify(error: Error, doing: string): StatusError {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ECONNREFUSED") return StatusError.from(error, doing);
  return new StatusError(Code.NotFound, `${doing}: nobody listens`, { cause: error });
}
