import { connect } from "node:net";

import { Code, StatusError } from "@crib/errdefs";

import { CallScope } from "./call-scope.ts";
import { openTtrpcClient } from "./client.ts";
import type { ConnectOptions, TtrpcClient } from "./types.ts";

/**
 * Connects to a unix socket. Fails with `Unavailable` when nobody listens there, also when there is no such path;
 * `PermissionDenied`, `Canceled` or `DeadlineExceeded` as they apply. Makes one attempt.
 */
export async function connectTtrpc(
  address: { readonly path: string },
  options: ConnectOptions = {},
): Promise<TtrpcClient> {
  const doing = `connecting to "${address.path}"`;
  using scope = new CallScope(doing, options);
  if (scope.reason !== undefined) throw scope.reason;
  const socket = connect({ path: address.path });
  try {
    await new Promise<void>((resolve, reject) => {
      scope.whenAbandoned(reject);
      socket.once("connect", resolve);
      socket.once("error", (error) => reject(connectError(error, doing)));
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return openTtrpcClient(socket, options);
}

function connectError(error: Error, doing: string): StatusError {
  const classified = StatusError.from(error, doing);
  const { code } = classified;
  if (code === Code.PermissionDenied || code === Code.InvalidArgument || code === Code.ResourceExhausted)
    return classified;
  return new StatusError(Code.Unavailable, classified.message, { cause: error });
}
