import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import { ImageService, RuntimeService } from "@crib/wire/cri";
import * as grpc from "@grpc/grpc-js";

export interface CallOptions {
  readonly signal?: AbortSignal;
}
type Client<S extends DescService> = {
  [K in keyof S["method"]]: S["method"][K] extends DescMethod & {
    input: infer I extends DescMessage;
    output: infer O extends DescMessage;
  }
    ? S["method"][K]["methodKind"] extends "server_streaming"
      ? (request: MessageInitShape<I>, options?: CallOptions) => AsyncIterable<MessageShape<O>>
      : (request: MessageInitShape<I>, options?: CallOptions) => Promise<MessageShape<O>>
    : never;
};
export interface CriClient {
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
  close(): void;
}

export function createCriClient(socket: string): CriClient {
  const channel = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": 16777216,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
    "grpc.use_local_subchannel_pool": 1,
  });
  return { runtime: bind(channel, RuntimeService), images: bind(channel, ImageService), close: () => channel.close() };
}
function bind<S extends DescService>(channel: grpc.Client, service: S): Client<S> {
  const out: Record<string, unknown> = {};
  for (const method of service.methods) {
    const path = `/${service.typeName}/${method.name}`;
    const ser = (m: never) => Buffer.from(toBinary(method.input, m));
    const de = (b: Buffer) => fromBinary(method.output, b);
    if (method.methodKind === "server_streaming") {
      out[method.localName] = async function* (request: never, options: CallOptions = {}) {
        const call = channel.makeServerStreamRequest(path, ser, de, create(method.input, request) as never);
        options.signal?.addEventListener("abort", () => call.cancel());
        try {
          for await (const m of call) yield m;
        } catch (reason) {
          if (options.signal?.aborted) return;
          const e = reason as grpc.ServiceError;
          throw new StatusError(e.code as Code, e.details ?? e.message);
        }
      };
    } else {
      out[method.localName] = (request: never, options: CallOptions = {}) =>
        new Promise((resolve, reject) => {
          const call = channel.makeUnaryRequest(
            path,
            ser,
            de,
            create(method.input, request) as never,
            (error, value) => {
              if (error) reject(new StatusError(error.code as Code, error.details));
              else resolve(value);
            },
          );
          options.signal?.addEventListener("abort", () => call.cancel());
        });
    }
  }
  return out as Client<S>;
}
