import { equal } from "node:assert/strict";
import { test } from "node:test";

import { asLogged, asShown, bytesBefore } from "./missed-output.ts";

test("what a late client missed is found, with either side ahead", () => {
  for (const [log, held, before] of [
    ["hello\n$ ", "", 8],
    ["hello\n$ ", "$ ", 6],
    ["hello\n$ ", "hello\n$ ", 0],
    ["hello\nwor", "world\n", 6],
    ["1\n2\n3\n4\n", "2\n3\n", 2],
    ["", "x", 0],
  ] as const) {
    equal(bytesBefore(Buffer.from(log), Buffer.from(held)), before, `${log} and ${held}`);
  }
});

test("logs have no carriage returns in front of line feeds", () => {
  equal(asLogged(Buffer.from("a\r\nb\r\r\nc\r")).toString(), "a\nb\r\nc\r");
  equal(asShown(Buffer.from("a\nb")).toString(), "a\r\nb");
});
