import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseAddress } from "./parse-address.ts";

test("addresses are read as sandboxers and daemons write them", () => {
  const cases = [
    ["unix:///run/a.sock", { transport: "unix", path: "/run/a.sock" }],
    ["unix:/run/a.sock", { transport: "unix", path: "/run/a.sock" }],
    ["/run/a.sock", { transport: "unix", path: "/run/a.sock" }],
    ["ttrpc+unix:///run/a.sock?streaming_id=b-stdin", { transport: "unix", path: "/run/a.sock" }],
    ["vsock://3:1024", { transport: "vsock", cid: 3, port: 1024 }],
    ["grpc+vsock://3:1024/", { transport: "vsock", cid: 3, port: 1024 }],
    ["vsock:///3:1024", { transport: "vsock", cid: 3, port: 1024 }],
    ["vsock:3:1024", { transport: "vsock", cid: 3, port: 1024 }],
    ["hvsock:///run/a:b/task.vsock:1024", { transport: "hvsock", path: "/run/a:b/task.vsock", port: 1024 }],
    ["ttrpc+hvsock:///run/task.vsock:1024/", { transport: "hvsock", path: "/run/task.vsock", port: 1024 }],
  ] as const;
  for (const [text, expected] of cases) deepEqual(parseAddress(text), expected, text);
});

test("what is no address is InvalidArgument that quotes it", () => {
  for (const text of [
    "",
    "unix://",
    "unix://run/a.sock",
    "tcp://10.0.0.1:1024",
    "vsock://3",
    "vsock://a:1024",
    "vsock://4294967295:1024",
    "vsock://3:4294967296",
    "hvsock://1024",
    "hvsock:///run/task.vsock",
    "hvsock://run/task.vsock:1024",
    "unix:///run/a\0b",
  ]) {
    throws(() => parseAddress(text), { code: Code.InvalidArgument, message: /expected unix/ }, text);
  }
});
