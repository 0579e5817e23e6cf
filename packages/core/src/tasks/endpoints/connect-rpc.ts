import type { DescMessage } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { type ConnectionCallOptions, type GrpcConnection, type GrpcStream, openGrpcConnection } from "@crib/grpc";
import type { TaskEndpoint } from "@crib/sandboxer";
import { openTtrpcClient } from "@crib/ttrpc";

import { Budget } from "../../flow/budget.ts";
import { connectAddress } from "./connect-address.ts";

/** What bounds one call, and what travels with it; the same over both protocols. */
export type RpcCallOptions = ConnectionCallOptions;

/** The client's side of a stream both ways. To give it up, abort the signal that it was opened with. */
export type RpcStream<I extends DescMessage, O extends DescMessage> = GrpcStream<I, O>;

/** One connection to the services of a pod, whichever of the two protocols it speaks. It is not made again when it is lost. */
export type RpcClient = Pick<GrpcConnection, "closed" | "unary" | "stream" | "close">;

/** The header that names the containerd namespace, in each protocol. */
export const namespaceHeaders: Readonly<Record<TaskEndpoint["protocol"], string>> = {
  ttrpc: "containerd-namespace-ttrpc",
  grpc: "containerd-namespace",
};

/**
 * Connects to an endpoint, of either protocol and any transport. Errors as of `connectAddress`; DeadlineExceeded after `timeoutMs` over
 * a unix socket. Nothing is asked of the peer.
 */
export async function connectRpc(
  endpoint: Pick<TaskEndpoint, "protocol" | "address">,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<RpcClient> {
  const doing = `connecting to "${endpoint.address}"`;
  using budget = new Budget(doing, timeoutMs, signal);
  try {
    const socket = await connectAddress(endpoint.address, budget.signal);
    return endpoint.protocol === "grpc" ? openGrpcConnection(socket) : openTtrpcClient(socket);
  } catch (error) {
    if (signal.aborted) throw StatusError.from(signal.reason, doing);
    const { code, message } = StatusError.from(error);
    throw new StatusError(code === Code.Unknown ? Code.Unavailable : code, message, { cause: error });
  }
}
