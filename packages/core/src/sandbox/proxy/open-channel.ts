import { Client, credentials } from "@grpc/grpc-js";

/** Bytes of one message, as containerd allows its sandboxers. */
const maxMessageBytes = 16 << 20;

/** A channel to a unix socket. It connects with the first call, and again with the next one after a loss. */
export function openChannel(path: string, retryMs: number): Client {
  return new Client(`unix:${path}`, credentials.createInsecure(), {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    // What stands at the socket may be back at any moment, and trying costs nothing.
    "grpc.initial_reconnect_backoff_ms": Math.min(100, retryMs),
    "grpc.min_reconnect_backoff_ms": Math.min(100, retryMs),
    "grpc.max_reconnect_backoff_ms": retryMs,
    // Channels would share one connection otherwise.
    "grpc.use_local_subchannel_pool": 1,
  });
}
