import { equal } from "node:assert/strict";
import { test } from "node:test";

import { BoundedOutput } from "./bounded-output.ts";

test("the first bytes are kept and the overflow is noticed", () => {
  const output = new BoundedOutput(4, "first");
  output.push(Buffer.from("abc"));
  output.push(Buffer.from("d"));
  equal(output.overflowed, false);
  output.push(Buffer.from("e"));
  equal(output.overflowed, true);
  equal(output.text(), "abcd");
});

test("the last bytes are kept, however they are cut", () => {
  const output = new BoundedOutput(4, "last");
  for (const letter of "abcdefghijklm") output.push(Buffer.from(letter));
  equal(output.text(), "jklm");
  output.push(Buffer.from("0123456789"));
  equal(output.text(), "6789");
});
