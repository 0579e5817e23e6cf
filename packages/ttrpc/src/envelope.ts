import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";

// The three messages of the protocol itself (`ttrpc.Request`, `ttrpc.Response`, `google.rpc.Status`) are written by hand,
// so that the package depends on no generated code. Unknown fields are skipped.

/** Opens a stream; `ttrpc.Request` on the wire. */
export interface RequestEnvelope {
  /** Full name of the service, such as `containerd.task.v3.Task`. */
  readonly service: string;
  /** Bare name of the method. */
  readonly method: string;
  /** The request message; `undefined` when none is sent with the envelope. */
  readonly payload: Uint8Array | undefined;
  /** Time left to the caller, in nanoseconds; 0 is without limit. */
  readonly timeoutNano: bigint;
  readonly metadata: readonly (readonly [key: string, value: string])[];
}

/** The outcome of a call; `google.rpc.Status` on the wire. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Any[];
}

/** Ends a call; `ttrpc.Response` on the wire. A missing status or one with code 0 is success. */
export interface ResponseEnvelope {
  readonly status: RpcStatus | undefined;
  readonly payload: Uint8Array;
}

export function encodeRequest(request: RequestEnvelope): Uint8Array {
  const writer = new BinaryWriter();
  if (request.service !== "") writer.tag(1, WireType.LengthDelimited).string(request.service);
  if (request.method !== "") writer.tag(2, WireType.LengthDelimited).string(request.method);
  if (request.payload !== undefined && request.payload.length > 0) {
    writer.tag(3, WireType.LengthDelimited).bytes(request.payload);
  }
  if (request.timeoutNano !== 0n) writer.tag(4, WireType.Varint).int64(request.timeoutNano);
  for (const [key, value] of request.metadata) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(key);
    writer.tag(2, WireType.LengthDelimited).string(value);
    writer.join();
  }
  return writer.finish();
}

/** Throws on bytes that are no request. */
export function decodeRequest(encoded: Uint8Array): RequestEnvelope {
  const metadata: [string, string][] = [];
  const request = { service: "", method: "", payload: undefined as Uint8Array | undefined, timeoutNano: 0n };
  readFields(encoded, {
    1: delimited((reader) => (request.service = reader.string())),
    2: delimited((reader) => (request.method = reader.string())),
    3: delimited((reader) => (request.payload = reader.bytes())),
    4: varint((reader) => (request.timeoutNano = BigInt(reader.int64()))),
    5: delimited((reader) => metadata.push(decodeKeyValue(reader.bytes()))),
  });
  return { ...request, metadata };
}

function decodeKeyValue(encoded: Uint8Array): [key: string, value: string] {
  const pair: [string, string] = ["", ""];
  readFields(encoded, {
    1: delimited((reader) => (pair[0] = reader.string())),
    2: delimited((reader) => (pair[1] = reader.string())),
  });
  return pair;
}

export function encodeResponse(response: ResponseEnvelope): Uint8Array {
  const writer = new BinaryWriter();
  if (response.status !== undefined) {
    writer.tag(1, WireType.LengthDelimited).bytes(encodeStatus(response.status));
  }
  if (response.payload.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(response.payload);
  return writer.finish();
}

/** Throws on bytes that are no response. */
export function decodeResponse(encoded: Uint8Array): ResponseEnvelope {
  const response = { status: undefined as RpcStatus | undefined, payload: new Uint8Array(0) as Uint8Array };
  readFields(encoded, {
    1: delimited((reader) => (response.status = decodeStatus(reader.bytes()))),
    2: delimited((reader) => (response.payload = reader.bytes())),
  });
  return response;
}

function encodeStatus(status: RpcStatus): Uint8Array {
  const writer = new BinaryWriter();
  if (status.code !== 0) writer.tag(1, WireType.Varint).int32(status.code);
  if (status.message !== "") writer.tag(2, WireType.LengthDelimited).string(status.message);
  for (const detail of status.details) {
    writer.tag(3, WireType.LengthDelimited).bytes(toBinary(AnySchema, create(AnySchema, detail)));
  }
  return writer.finish();
}

function decodeStatus(encoded: Uint8Array): RpcStatus {
  const details: Any[] = [];
  const status = { code: 0, message: "" };
  readFields(encoded, {
    1: varint((reader) => (status.code = reader.int32())),
    2: delimited((reader) => (status.message = reader.string())),
    3: delimited((reader) => details.push(fromBinary(AnySchema, reader.bytes()))),
  });
  return { ...status, details };
}

interface FieldReader {
  readonly wireType: WireType;
  readonly read: (reader: BinaryReader) => unknown;
}

function delimited(read: FieldReader["read"]): FieldReader {
  return { wireType: WireType.LengthDelimited, read };
}

function varint(read: FieldReader["read"]): FieldReader {
  return { wireType: WireType.Varint, read };
}

function readFields(encoded: Uint8Array, fields: Readonly<Record<number, FieldReader>>): void {
  const reader = new BinaryReader(encoded);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const field = fields[number];
    // A known field in a foreign wire type counts as unknown (protobuf encoding guide, "Unknown fields").
    if (field?.wireType === wireType) field.read(reader);
    else reader.skip(wireType, number);
  }
}
