import { create, type DescMessage, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import type { GenService, GenServiceMethods } from "@bufbuild/protobuf/codegenv2";
import { Code, StatusError } from "@crib/errdefs";
import type { MethodDefinition, Server, UntypedHandleCall, UntypedServiceImplementation } from "@grpc/grpc-js";

import type { CriLog, Gate } from "../types.ts";
import { countValues } from "./count-values.ts";
import { EncodedAnswer } from "./encoded-answer.ts";
import type { Call, Handler, ServiceHandlers } from "./handlers.ts";
import type { LiveStreams } from "./live-streams.ts";
import { serveClientStream } from "./serve-client-stream.ts";
import { serveStream } from "./serve-stream.ts";
import { serveUnary } from "./serve-unary.ts";

/** What every method of a service is served with. */
export interface Serving {
  readonly gate: Gate;
  readonly log: CriLog;
  readonly streams: LiveStreams;
  /** Milliseconds that a client may leave a message of a stream unread before the stream is ended. */
  readonly sendTimeoutMs: number;
  /** Names of methods that answer while the gate is closed. */
  readonly ungated: ReadonlySet<string>;
}

/** A method in bytes: what is common to all methods is done around it. */
export interface BoundMethod extends Serving {
  readonly name: string;
  /** Checks the gate and decodes; fails with Unavailable, ResourceExhausted or InvalidArgument. */
  open(bytes: Buffer): Message;
  /** Encodes one answer. */
  encode(answer: unknown): Buffer;
}

/**
 * Bytes of a request. Arguments and environment that Linux takes are 2 MiB at most (execve(2)), labels and annotations of a container and of
 * its pod come to some hundred KiB.
 */
const maxRequestBytes = 4 * 1024 * 1024;

/**
 * Values in a request. Two bytes can become an object of two hundred: 4 MiB of empty mounts took 430 MiB of heap and a second of a
 * blocked event loop; with this limit the worst request takes 47 MiB and a tenth of that time. 5,000 services, each with seven
 * variables of three values, are 105,000.
 */
const maxRequestValues = 200_000;

/** Adds a service to a gRPC server: each handler behind the gate and behind a boundary that lets no error through. */
export function registerService<Deps, Methods extends GenServiceMethods>(
  server: Server,
  service: GenService<Methods>,
  handlers: ServiceHandlers<Deps, GenService<Methods>>,
  deps: Deps,
  serving: Serving,
): void {
  const definition: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of service.methods) {
    const handler = (handlers as Readonly<Record<string, Handler<Deps>>>)[method.localName];
    if (!handler) throw new StatusError(Code.Internal, `${method.name} has no handler`);
    const bound = bind(method, serving);
    definition[method.localName] = defineMethod(`/${service.typeName}/${method.name}`, method);
    implementation[method.localName] = serveMethod(method, bound, (request, call) => handler(deps, request, call));
  }
  server.addService(definition, implementation);
}

function serveMethod(
  { methodKind, name }: DescMethod,
  bound: BoundMethod,
  handler: (request: Message | AsyncIterable<Message>, call: Call) => unknown,
): UntypedHandleCall {
  if (methodKind === "unary") return serveUnary(bound, handler);
  if (methodKind === "client_streaming") return serveClientStream(bound, handler);
  if (methodKind === "server_streaming") {
    return serveStream(bound, (request, call) => handler(request, call) as AsyncIterable<unknown>);
  }
  throw new StatusError(Code.Internal, `${name}: streams both ways, which no service here does`);
}

function bind(method: DescMethod, serving: Serving): BoundMethod {
  const { name, input, output } = method;
  return {
    ...serving,
    name,
    open(bytes) {
      if (!serving.gate.isOpen && !serving.ungated.has(name)) {
        throw new StatusError(Code.Unavailable, "crib is re-attaching to its pods");
      }
      return decode(name, input, bytes);
    },
    encode(answer) {
      if (answer instanceof EncodedAnswer) return answer.bytes;
      const { buffer, byteOffset, byteLength } = toBinary(output, create(output, answer as Message));
      return Buffer.from(buffer, byteOffset, byteLength);
    },
  };
}

function decode(name: string, schema: DescMessage, bytes: Buffer): Message {
  if (bytes.length > maxRequestBytes) {
    throw new StatusError(
      Code.ResourceExhausted,
      `${name}: a request of ${bytes.length} bytes; ${maxRequestBytes} are the limit`,
    );
  }
  if (countValues(schema, bytes, maxRequestValues) > maxRequestValues) {
    throw new StatusError(Code.ResourceExhausted, `${name}: a request of more than ${maxRequestValues} values`);
  }
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, `${name}: the request is no ${schema.typeName}`, { cause });
  }
}

/** Messages pass gRPC as bytes, so that a message that cannot be decoded or encoded meets the same boundary as any other error. */
function defineMethod(path: string, method: DescMethod): MethodDefinition<Buffer, Buffer> {
  const same = (bytes: Buffer): Buffer => bytes;
  return {
    path,
    requestStream: method.methodKind === "client_streaming",
    responseStream: method.methodKind === "server_streaming",
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
    originalName: method.localName,
  };
}
