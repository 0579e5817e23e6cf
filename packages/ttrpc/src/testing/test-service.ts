import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenService, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import {
  type BytesValueSchema,
  type EmptySchema,
  file_google_protobuf_empty,
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  type StringValueSchema,
  type UInt32ValueSchema,
} from "@bufbuild/protobuf/wkt";

type Method<Kind extends string, I, O> = { methodKind: Kind; input: I; output: O };

/** A service with every kind of method, made of well-known types so that no code has to be generated for it. */
export type TestService = GenService<{
  say: Method<"unary", typeof StringValueSchema, typeof StringValueSchema>;
  nothing: Method<"unary", typeof EmptySchema, typeof EmptySchema>;
  echoBytes: Method<"unary", typeof BytesValueSchema, typeof BytesValueSchema>;
  count: Method<"server_streaming", typeof UInt32ValueSchema, typeof UInt32ValueSchema>;
  join: Method<"client_streaming", typeof StringValueSchema, typeof StringValueSchema>;
  chat: Method<"bidi_streaming", typeof StringValueSchema, typeof StringValueSchema>;
}>;

const text = ".google.protobuf.StringValue";
const bytes = ".google.protobuf.BytesValue";
const number = ".google.protobuf.UInt32Value";
const empty = ".google.protobuf.Empty";

const descriptor = create(FileDescriptorProtoSchema, {
  name: "test.proto",
  package: "crib.test",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto", "google/protobuf/empty.proto"],
  service: ["Test", "Other"].map((name) => ({
    name,
    method: [
      { name: "Say", inputType: text, outputType: text },
      { name: "Nothing", inputType: empty, outputType: empty },
      { name: "EchoBytes", inputType: bytes, outputType: bytes },
      { name: "Count", inputType: number, outputType: number, serverStreaming: true },
      { name: "Join", inputType: text, outputType: text, clientStreaming: true },
      { name: "Chat", inputType: text, outputType: text, clientStreaming: true, serverStreaming: true },
    ],
  })),
});

const encoded = Buffer.from(toBinary(FileDescriptorProtoSchema, descriptor)).toString("base64");
const file = fileDesc(encoded, [file_google_protobuf_wrappers, file_google_protobuf_empty]);

/** `crib.test.Test` */
export const testService: TestService = serviceDesc(file, 0);
/** `crib.test.Other`: the same methods under another name. */
export const otherService: TestService = serviceDesc(file, 1);
