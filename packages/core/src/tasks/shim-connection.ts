import { Code, StatusError } from "@crib/errdefs";
import type { ProcessIdentity, TaskEndpoint } from "@crib/sandboxer";
import { connectTtrpc, type TtrpcClient } from "@crib/ttrpc";

import { identityOf } from "./process-identity.ts";
import { unixPath } from "./shim-socket.ts";
import { createTaskClient } from "./task-client.ts";
import type { TaskClient } from "./types.ts";

/** A shim that has answered. */
export interface ShimConnection {
  readonly client: TtrpcClient;
  readonly tasks: TaskClient;
  readonly process: ProcessIdentity;
}

/** What is connected to, and as whom. */
export interface ShimDial {
  readonly id: string;
  readonly endpoint: TaskEndpoint;
  readonly namespace: string;
  readonly timeoutMs: number;
}

/**
 * Dials a shim and asks it who it is. NotFound when nobody listens, DeadlineExceeded when it does not answer,
 * Unimplemented for gRPC and for sockets of virtual machines.
 */
export async function connectShim(dial: ShimDial, signal: AbortSignal): Promise<ShimConnection> {
  const { id, endpoint, namespace, timeoutMs } = dial;
  const doing = `connecting to the shim of "${id}" at "${endpoint.address}"`;
  const path = unixPath(endpoint.address);
  if (path === undefined || endpoint.protocol !== "ttrpc") {
    throw new StatusError(Code.Unimplemented, `${doing}: only ttrpc over unix sockets is spoken`);
  }
  const started = performance.now();
  const client = await dialSocket(path, timeoutMs, signal, doing);
  try {
    const tasks = createTaskClient({ client, version: endpoint.version, namespace, id });
    const left = Math.max(1, timeoutMs - (performance.now() - started));
    const { shimPid } = await tasks.connect(id, signal, { timeoutMs: left });
    const process = identityOf(shimPid);
    if (process === undefined) {
      throw new StatusError(Code.FailedPrecondition, `${doing}: it says it is process ${shimPid}, which is not there`);
    }
    return { client, tasks, process };
  } catch (error) {
    await client.close();
    throw error;
  }
}

async function dialSocket(path: string, timeoutMs: number, signal: AbortSignal, doing: string): Promise<TtrpcClient> {
  try {
    return await connectTtrpc({ path }, { timeoutMs, signal });
  } catch (error) {
    if (isAbsent(error)) throw new StatusError(Code.NotFound, `${doing}: nobody listens`, { cause: error });
    throw StatusError.from(error, doing);
  }
}

function isAbsent(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ECONNREFUSED") return true;
  }
  return false;
}
