import { deepEqual, equal } from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { chainIds } from "./chain-ids.ts";
import { digestOf } from "./digest.ts";

test("a chain id covers the layer and all below", () => {
  const [a, b, c] = [digestOf("a"), digestOf("b"), digestOf("c", "sha512")];
  const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
  const ab = sha256(`${a} ${b}`);
  deepEqual(chainIds([a, b, c]), [a, ab, sha256(`${ab} ${c}`)]);
  deepEqual(chainIds([]), []);
  equal(chainIds([c])[0], c);
});
