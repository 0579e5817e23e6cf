import { Code, StatusError } from "@crib/errdefs";
import type { ProcessIdentity } from "@crib/sandboxer";

import type { RpcClient } from "./endpoints/connect-rpc.ts";
import { connectTasks, hasHostPids, type TasksDial } from "./endpoints/connect-tasks.ts";
import type { TaskClient } from "./types.ts";

/** A shim that has answered. */
export interface ShimConnection {
  readonly client: RpcClient;
  readonly tasks: TaskClient;
  readonly process: ProcessIdentity;
}

/**
 * Dials a shim of this host and asks it who it is. NotFound when nobody listens, DeadlineExceeded when it does not answer,
 * FailedPrecondition when it is no process of this host.
 */
export async function connectShim(dial: TasksDial, signal: AbortSignal): Promise<ShimConnection> {
  const doing = `connecting to the shim of "${dial.id}" at "${dial.endpoint.address}"`;
  if (!hasHostPids(dial.endpoint)) throw new StatusError(Code.FailedPrecondition, `${doing}: it is not on this host`);
  const { client, tasks, process } = await connectTasks(dial, signal);
  if (process !== undefined) return { client, tasks, process };
  await client.close();
  throw new StatusError(Code.FailedPrecondition, `${doing}: the process that it says it is, is not there`);
}
