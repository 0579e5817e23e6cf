import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseBoundedJson } from "./bounded-json.ts";

function parse(text: string, values?: number): unknown {
  return parseBoundedJson(
    Buffer.from(text),
    { bytes: 8 << 20, ...(values !== undefined && { values }) },
    "reading a test",
  );
}

test("values are counted outside of texts", () => {
  const text = JSON.stringify({ a: '[,{"\\', b: ["\\\\", "", {}] });
  deepEqual(parse(text, 6), JSON.parse(text));
  throws(() => parse(text, 5), { code: Code.ResourceExhausted, message: "reading a test: has more than 5 values" });
  equal(parse(`"${",".repeat(1_000_000)}"`), ",".repeat(1_000_000));
});

test("many small values are refused before they are parsed", () => {
  for (const text of [
    "{},".repeat(200_000),
    "[".repeat(200_000),
    `{"":${"0,".repeat(200_000)}`,
    "\\[".repeat(200_000),
  ]) {
    throws(() => parse(`[${text}]`), { code: Code.ResourceExhausted });
  }
});

test("what is not JSON in UTF-8 is refused, and what is too long", () => {
  for (const text of ["", "{", '"', '"\\', "[1,]", "'a'"]) throws(() => parse(text), { code: Code.InvalidArgument });
  const notUtf8 = Buffer.from([0x22, 0xff, 0x22]);
  throws(() => parseBoundedJson(notUtf8, { bytes: 3 }, "x"), { code: Code.InvalidArgument });
  throws(() => parseBoundedJson(notUtf8, { bytes: 2 }, "x"), { code: Code.ResourceExhausted });
});
