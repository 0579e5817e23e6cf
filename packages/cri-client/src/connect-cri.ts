import type { DescService } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { grpcServiceClient, type ServiceClient } from "@crib/grpc";
import { ImageService, RuntimeService } from "@crib/wire/cri";
import { Client, credentials } from "@grpc/grpc-js";

/** Bytes of the largest message either way, as containerd and the kubelet have it. */
const maxMessageBytes = 16 * 1024 * 1024;

/** Options of `connectCri`. */
export interface ConnectCriOptions {
  /** Milliseconds for unary calls that set none themselves. Default 0: none. */
  readonly timeoutMs?: number;
}

/** A client of a CRI endpoint: kubelet's and crictl's side of the socket. */
export interface CriClient extends AsyncDisposable {
  readonly runtime: ServiceClient<typeof RuntimeService>;
  readonly image: ServiceClient<typeof ImageService>;
  /** A client of another service of the same endpoint, on the same connection. */
  service<S extends DescService>(service: S): ServiceClient<S>;
  /** Ends the connection and with it the calls that run. May be repeated. */
  close(): void;
}

/**
 * A client of the CRI endpoint at a Unix socket, given as a path or as `unix:///path`; an address of another kind fails with
 * InvalidArgument. Connects with the first call; a daemon that is away makes calls fail with Unavailable, and the next one
 * dials again.
 */
export function connectCri(endpoint: string, options: ConnectCriOptions = {}): CriClient {
  const channel = new Client(`unix:${socketPath(endpoint)}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    // A daemon is back within a second after a restart; grpc's own back-off would have its clients wait for minutes.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
    // Two clients in one process must not share the state of a connection that one of them lost.
    "grpc.use_local_subchannel_pool": 1,
  });
  const close = (): void => channel.close();
  return {
    runtime: grpcServiceClient(RuntimeService, channel, options),
    image: grpcServiceClient(ImageService, channel, options),
    service: (service) => grpcServiceClient(service, channel, options),
    close,
    async [Symbol.asyncDispose](): Promise<void> {
      close();
    },
  };
}

function socketPath(endpoint: string): string {
  const path = endpoint.replace(/^unix:(\/\/)?/, "");
  if (path !== "" && !path.includes("://")) return path;
  throw new StatusError(Code.InvalidArgument, `connecting to "${endpoint}": expected a path or unix:///path`);
}
