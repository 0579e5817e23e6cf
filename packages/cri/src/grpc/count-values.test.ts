import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ContainerConfigSchema, LinuxContainerSecurityContextSchema } from "@crib/wire/cri";

import { countValues } from "./count-values.ts";

function count<T extends DescMessage>(schema: T, message: MessageInitShape<T>, limit = 1_000): number {
  return countValues(schema, toBinary(schema, create(schema, message)), limit);
}

test("fields, elements, entries of maps and what is in them are counted", () => {
  equal(count(ContainerConfigSchema, {}), 0);
  equal(count(ContainerConfigSchema, { tty: true, workingDir: "/" }), 2);
  equal(count(ContainerConfigSchema, { args: ["a", "b", "c"] }), 3);
  equal(count(ContainerConfigSchema, { labels: { a: "b" } }), 3);
  equal(count(ContainerConfigSchema, { envs: [{ key: "a", value: Buffer.from("b") }] }), 3);
  equal(count(ContainerConfigSchema, { mounts: [{}, { readonly: true }] }), 3);
  equal(count(LinuxContainerSecurityContextSchema, { supplementalGroups: [1n, 2n, 3n] }), 4);
});

test("unknown fields count, counting ends at the limit, and bytes that are no message harm nobody", () => {
  equal(countValues(ContainerConfigSchema, Buffer.from("f07f01f07f01", "hex"), 10), 2);
  ok(countValues(ContainerConfigSchema, Buffer.alloc(1_000_000, Buffer.from([0x3a, 0])), 10) === 11);
  for (const hex of ["ff", "3a05", "3b3b3b", "0a80808080808080808080", "00", ""]) {
    ok(countValues(ContainerConfigSchema, Buffer.from(hex, "hex"), 10) <= 10, hex);
  }
});
