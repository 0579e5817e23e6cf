import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { parseTaskAddress } from "./task-address.ts";

test("every protocol and transport is read", () => {
  const unix = { protocol: "ttrpc", address: "unix:///run/t.sock", version: 2, io: "fifo" };
  deepEqual(parseTaskAddress("ttrpc+unix:///run/t.sock", 2, "auto"), unix);
  deepEqual(parseTaskAddress("unix:///run/t.sock", 0, "auto"), unix);
  deepEqual(parseTaskAddress("/run/t.sock", 2, "auto"), unix);
  deepEqual(parseTaskAddress("grpc+unix:///run/t.sock", 3, "streaming"), {
    ...unix,
    protocol: "grpc",
    version: 3,
    io: "streaming",
  });
  const vsock = { protocol: "ttrpc", address: "vsock://3:1024", version: 2, io: "streaming", hostPids: false };
  deepEqual(parseTaskAddress("ttrpc+vsock://3:1024", 2, "auto"), vsock);
  deepEqual(parseTaskAddress("grpc+vsock://3:1024/", 2, "auto"), { ...vsock, protocol: "grpc" });
  deepEqual(parseTaskAddress("hvsock:///run/x/task.vsock:1024", 2, "fifo"), {
    ...vsock,
    address: "hvsock:///run/x/task.vsock:1024",
    io: "fifo",
  });
});

test("garbage is refused with the value", () => {
  const wrong = [
    "",
    "tcp://1.2.3.4:5",
    "ttrpc+unix://relative",
    "http+unix:///x",
    `unix:///${"x".repeat(107)}`,
    "vsock://x:1",
    "vsock://3:0",
    "vsock://3",
    "vsock://4294967296:1",
    "hvsock://path:1",
    "hvsock:///path",
    "unix:///a\0b",
  ];
  for (const address of wrong) {
    const { message } = thrown(() => parseTaskAddress(address, 2, "auto"));
    deepEqual([address, message.includes(JSON.stringify(address))], [address, true]);
  }
  throws(() => parseTaskAddress("unix:///x", 7, "auto"), { code: Code.Internal, message: /version "7"/ });
});

function thrown(body: () => unknown): Error {
  try {
    body();
  } catch (reason) {
    return reason as Error;
  }
  return new Error("nothing was thrown");
}
