import { equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from "./digest.ts";

const hex = "0123456789abcdef".repeat(4);

test("a digest is taken apart and made", () => {
  const digest = parseDigest(`sha512:${hex}${hex}`);
  equal(digestAlgorithm(digest), "sha512");
  equal(digestHex(digest), hex + hex);
  equal(digestOf(""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  ok(isDigest(digestOf(Buffer.from("x"), "sha512")));
});

test("whatever could be a path or another algorithm is no digest", () => {
  const bad = [
    "",
    "x",
    "sha256:",
    "sha256:../../x",
    `sha256:${"/".repeat(64)}`,
    `sha256:${hex}0`,
    `sha256:${hex.slice(1)}`,
    `sha256:${hex.toUpperCase()}`,
    `SHA256:${hex}`,
    `sha256:${hex}\n`,
    ` sha256:${hex}`,
    `sha512:${hex}`,
    `md5:${hex.slice(32)}`,
    hex,
  ];
  for (const text of bad) {
    equal(isDigest(text), false, text);
    throws(() => parseDigest(text), { code: Code.InvalidArgument });
  }
});

test("an error repeats at most 80 characters, none of them a control character", () => {
  throws(
    () => parseDigest(`sha256:\n\u001b[31m\u202e${"a".repeat(1_000_000)}`),
    (error: Error) => error.message.length < 300 && error.message.includes("\\u000a\\u001b[31m\\u202e"),
  );
});
