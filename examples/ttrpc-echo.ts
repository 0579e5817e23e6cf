// A ttrpc service without generated code: its messages are well-known types, its descriptor is made here.
//
//   node examples/ttrpc-echo.ts serve /tmp/echo.sock &
//   node examples/ttrpc-echo.ts call /tmp/echo.sock hello world
import { once } from "node:events";
import { createServer } from "node:net";

import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenService, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import {
  file_google_protobuf_wrappers,
  FileDescriptorProtoSchema,
  type StringValueSchema,
} from "@bufbuild/protobuf/wkt";
import { connectTtrpc, createTtrpcServer } from "@crib/ttrpc";

type Text = typeof StringValueSchema;
type Echo = GenService<{
  say: { methodKind: "unary"; input: Text; output: Text };
  repeat: { methodKind: "bidi_streaming"; input: Text; output: Text };
}>;

const text = { inputType: ".google.protobuf.StringValue", outputType: ".google.protobuf.StringValue" };
const descriptor = create(FileDescriptorProtoSchema, {
  name: "echo.proto",
  package: "example",
  syntax: "proto3",
  dependency: ["google/protobuf/wrappers.proto"],
  service: [
    {
      name: "Echo",
      method: [
        { name: "Say", ...text },
        { name: "Repeat", ...text, clientStreaming: true, serverStreaming: true },
      ],
    },
  ],
});
const encoded = Buffer.from(toBinary(FileDescriptorProtoSchema, descriptor)).toString("base64");
const echo: Echo = serviceDesc(fileDesc(encoded, [file_google_protobuf_wrappers]), 0);

async function serve(path: string): Promise<void> {
  await using server = createTtrpcServer();
  server.handle(echo, {
    say: ({ value }) => ({ value }),
    repeat: async function* (requests) {
      for await (const { value } of requests) yield { value: value.toUpperCase() };
    },
  });
  const listener = createServer().listen(path);
  await once(listener, "listening");
  server.serve(listener);
  console.log(`serving example.Echo at ${path}`);
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
}

async function call(path: string, words: readonly string[]): Promise<void> {
  await using client = await connectTtrpc({ path });
  const { value } = await client.unary(echo.method.say, { value: words.join(" ") }, { timeoutMs: 5_000 });
  console.log(value);

  const stream = client.stream(echo.method.repeat, { timeoutMs: 5_000 });
  for (const word of words) await stream.send({ value: word });
  await stream.closeSend();
  for await (const answer of stream.responses) console.log(answer.value);
}

const [command, path, ...words] = process.argv.slice(2);
if (path !== undefined && command === "serve") await serve(path);
else if (path !== undefined && command === "call") await call(path, words);
else {
  console.error("usage: ttrpc-echo.ts serve SOCKET | call SOCKET WORD...");
  process.exitCode = 2;
}
