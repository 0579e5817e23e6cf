import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@crib/errdefs";
import { BootstrapResultSchema } from "@crib/wire/options";

import { parseStartAnswer } from "./start-answer.ts";

const address = "unix:///run/containerd/s/0123";

test("a bare address is a shim of version 2", () => {
  deepEqual(parseStartAnswer(Buffer.from(`${address}\n`)), { protocol: "ttrpc", address, version: 2 });
  deepEqual(parseStartAnswer(Buffer.from("/run/x.sock")).address, "unix:///run/x.sock");
});

test("JSON names version and protocol", () => {
  const answer = Buffer.from(JSON.stringify({ version: 3, address, protocol: "grpc" }));
  deepEqual(parseStartAnswer(answer), { protocol: "grpc", address, version: 3 });
});

test("a protobuf BootstrapResult is read", () => {
  const answer = toBinary(
    BootstrapResultSchema,
    create(BootstrapResultSchema, { version: 3, address, protocol: "ttrpc", metadata: { a: "b" } }),
  );
  deepEqual(parseStartAnswer(Buffer.from(answer)), { protocol: "ttrpc", address, version: 3 });
});

test("a version above 3 is refused in each form", () => {
  const message = toBinary(BootstrapResultSchema, create(BootstrapResultSchema, { version: 4, address }));
  for (const answer of [Buffer.from(message), Buffer.from(JSON.stringify({ version: 4, address }))]) {
    throws(() => parseStartAnswer(answer), { code: Code.FailedPrecondition, message: /version 4 / });
  }
});

for (const [what, answer] of [
  ["nothing", ""],
  ["blanks", " \n"],
  ["a message", "panic: runtime error"],
  ["broken JSON", '{"version":3,'],
  ["JSON without version", '{"address":"unix:///x"}'],
  ["JSON with a version in text", '{"version":"3","address":"unix:///x"}'],
  ["JSON without address", '{"version":3}'],
  ["JSON with an unknown protocol", '{"version":3,"address":"unix:///x","protocol":"smtp"}'],
  ["a relative path", "unix://x"],
  ["two lines", "unix:///a\nunix:///b"],
  ["an address longer than a socket path", `unix:///${"a".repeat(107)}`],
  ["bytes", "\u0000\u0001\u0002\u00ff"],
  ["a flood", `unix:///${"a".repeat(70_000)}`],
] as const) {
  test(`${what} is refused as an answer, quoting its start`, () => {
    throws(() => parseStartAnswer(Buffer.from(answer)), { code: Code.FailedPrecondition, message: /: "/ });
  });
}
