import { Code, StatusError } from "@crib/errdefs";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";

import { identityOf } from "../process-identity.ts";
import { createTaskClient } from "../task-client.ts";
import type { TaskClient } from "../types.ts";
import { connectRpc, type RpcClient } from "./connect-rpc.ts";

/** What is connected to, and as whom. */
export interface TasksDial {
  /** Of the sandbox, quoted in errors. */
  readonly id: string;
  readonly endpoint: TaskEndpoint;
  /** containerd namespace. */
  readonly namespace: string;
  /** For connecting and the first answer. */
  readonly timeoutMs: number;
}

/** A task service that has answered. */
export interface TasksConnection {
  readonly client: RpcClient;
  readonly tasks: TaskClient;
  /** The process that serves it; absent where it is none of this host, or says nothing of it. */
  readonly process?: ProcessIdentity;
}

/**
 * Dials a task service and asks it who it is. NotFound when nobody listens, DeadlineExceeded when it does not answer, Unavailable when a
 * virtual machine takes no connection.
 */
export async function connectTasks(dial: TasksDial, signal: AbortSignal): Promise<TasksConnection> {
  const { id, endpoint, namespace, timeoutMs } = dial;
  const { protocol, version } = endpoint;
  const doing = `connecting to the task service of "${id}"`;
  const started = performance.now();
  const client = await connect(dial, doing, signal);
  try {
    const tasks = createTaskClient({ client, protocol, version, namespace, id });
    const left = Math.max(1, timeoutMs - (performance.now() - started));
    const shimPid = await askPid(tasks, id, left, signal);
    const process = hasHostPids(endpoint) ? identityOf(shimPid) : undefined;
    return { client, tasks, ...(process && { process }) };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** Whether pids that come from an endpoint may be those of processes of this host. */
export function hasHostPids({ address, hostPids = true }: TaskEndpoint): boolean {
  return hostPids && !/^(?:(?:ttrpc|grpc)\+)?h?vsock:/.test(address);
}

async function connect({ endpoint, timeoutMs }: TasksDial, doing: string, signal: AbortSignal): Promise<RpcClient> {
  try {
    return await connectRpc(endpoint, timeoutMs, signal);
  } catch (error) {
    throw StatusError.from(error, doing);
  }
}

/** Not every service knows a task by the id of its sandbox, or answers Connect at all: any word from it is an answer. */
async function askPid(tasks: TaskClient, id: string, timeoutMs: number, signal: AbortSignal): Promise<number> {
  try {
    return (await tasks.connect(id, signal, { timeoutMs })).shimPid;
  } catch (error) {
    const { code } = StatusError.from(error);
    const isWord = code === Code.NotFound || code === Code.Unimplemented || code === Code.InvalidArgument;
    if (!isWord) throw error;
    return 0;
  }
}
