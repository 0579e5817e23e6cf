import { deepEqual, doesNotMatch, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { digestOf } from "./digest.ts";
import { digestReference, formatReference, parseReference, tagReference } from "./reference.ts";

const digest = digestOf("x");

test("names are completed as Docker completes them", () => {
  const complete: Readonly<Record<string, string>> = {
    busybox: "docker.io/library/busybox:latest",
    "busybox:1.36": "docker.io/library/busybox:1.36",
    "docker.io/busybox": "docker.io/library/busybox:latest",
    "index.docker.io/busybox": "docker.io/library/busybox:latest",
    "index.docker.io/a/b": "docker.io/a/b:latest",
    "a/b": "docker.io/a/b:latest",
    "a/b/c-d__e.f": "docker.io/a/b/c-d__e.f:latest",
    "localhost/x": "localhost/x:latest",
    "localhost:5000/x:V1": "localhost:5000/x:V1",
    "host:5000": "docker.io/library/host:5000",
    "host:5000/a/b": "host:5000/a/b:latest",
    [`host:5000/a/b:tag@${digest}`]: `host:5000/a/b:tag@${digest}`,
    [`busybox@${digest}`]: `docker.io/library/busybox@${digest}`,
    "registry.k8s.io/pause:3.10": "registry.k8s.io/pause:3.10",
    "Registry/x": "Registry/x:latest",
    "[::1]:5000/x": "[::1]:5000/x:latest",
    "[fd00::5]/a/b:1": "[fd00::5]/a/b:1",
    "127.0.0.1:5000/x": "127.0.0.1:5000/x:latest",
    [`${"a".repeat(64)}:tag`]: `docker.io/library/${"a".repeat(64)}:tag`,
  };
  for (const [text, canonical] of Object.entries(complete)) {
    const reference = parseReference(text);
    equal(formatReference(reference), canonical);
    deepEqual(parseReference(canonical), reference);
  }
});

test("what is no reference is refused", () => {
  const bad = [
    "",
    "/",
    "/x",
    "x/",
    "a//b",
    "host:5000/",
    "host:70000/x",
    "host:/x",
    "host:5000x/y",
    "-host.io/x",
    "a..b/x",
    "[::g]/x",
    "[::1/x",
    "[fe80::1%eth0]/x",
    "x:",
    "x:.tag",
    `x:${"t".repeat(129)}`,
    "x y",
    "x\n",
    "x\0",
    "../x",
    "a/../b",
    "host.io/a/.b",
    "host.io/a___b",
    "host.io/a._b",
    "x@",
    "x@sha256:1",
    `x@${digest}@${digest}`,
    `x@md5:${"0".repeat(32)}`,
    `x@${digest}/y`,
    "ünicode",
    "https://host.io/x",
    "docker://x",
    "a".repeat(64),
    `host.io/${"a".repeat(248)}`,
    "x/".repeat(1_000_000),
    "-".repeat(200),
    `host.io/a${"-".repeat(240)}`,
  ];
  for (const text of bad) throws(() => parseReference(text), { code: Code.InvalidArgument }, text.slice(0, 80));
  equal(parseReference(`host.io/${"a".repeat(247)}`).repository.length, 247);
});

test("errors say what is wrong, without a password", () => {
  throws(() => parseReference("host.io/Library/x"), /"Library" of the repository must be lower-case/);
  throws(() => parseReference("Busybox"), /"Busybox" of the repository must be lower-case/);
  throws(() => parseReference("0".repeat(64)), /could be an id/);
  throws(() => parseReference("https://x/y"), /without a scheme/);
  for (const text of ["https://user:secret@host.io/x", "user:secret@host.io/x", "user:secret@host.io:5000/x"]) {
    throws(
      () => parseReference(text),
      (error: Error) => (doesNotMatch(error.message, /secret|user:/), true),
    );
  }
});

test("canonical strings by tag and by digest", () => {
  equal(tagReference(parseReference("busybox")), "docker.io/library/busybox:latest");
  equal(tagReference(parseReference(`busybox:1@${digest}`)), undefined);
  equal(digestReference(parseReference("busybox"), digest), `docker.io/library/busybox@${digest}`);
});
