import {
  create,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { DescMessage } from "@bufbuild/protobuf";
import { type CallOptions, Client, type ClientReadableStream, credentials, Metadata } from "@grpc/grpc-js";

/** A client that sends what it is told, also what no client should. */
export class TestClient {
  readonly #client: Client;

  constructor(socketPath: string) {
    this.#client = new Client(`unix://${socketPath}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": 16 * 1024 * 1024,
      "grpc.max_send_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.enable_retries": 0,
    });
  }

  /** Calls a method with one answer. */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
    options: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const bytes = Buffer.from(toBinary(method.input, create(method.input, request)));
    return this.callRaw(pathOf(method), bytes, options).then((answer) => fromBinary(method.output, answer));
  }

  /** Sends any bytes to any path. */
  callRaw(path: string, bytes: Buffer, options: CallOptions = {}): Promise<Buffer> {
    const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
    this.#client.makeUnaryRequest<Buffer, Buffer>(path, same, same, bytes, new Metadata(), options, (error, answer) => {
      if (error) reject(error);
      else resolve(answer ?? Buffer.alloc(0));
    });
    return promise;
  }

  /** Opens a stream; messages come as bytes. */
  open<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
  ): ClientReadableStream<Buffer> {
    const bytes = Buffer.from(toBinary(method.input, create(method.input, request)));
    return this.#client.makeServerStreamRequest<Buffer, Buffer>(pathOf(method), same, same, bytes, {});
  }

  /** Reads a stream to its end. */
  async collect<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>[]> {
    const messages: MessageShape<O>[] = [];
    for await (const bytes of this.open(method, request)) messages.push(fromBinary(method.output, bytes as Buffer));
    return messages;
  }

  close(): void {
    this.#client.close();
  }
}

function pathOf(method: { readonly name: string; readonly parent: { readonly typeName: string } }): string {
  return `/${method.parent.typeName}/${method.name}`;
}

const same = (bytes: Buffer): Buffer => bytes;
