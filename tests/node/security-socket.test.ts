import { equal, match, ok, rejects } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { callWith, grpcMessage, gzipBomb, resetRapidly, sendBytes } from "../support/grpc-attacks.ts";
import { needsRoot } from "../support/needs-root.ts";
import type { Node } from "../support/node.ts";
import { startNode } from "../support/start-node.ts";

/** Resident memory of the daemon in MiB. */
function memoryOf(node: Node): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${node.daemon.pid}/status`, "utf8"))?.[1]) / 1024;
}

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const frame = (type: number, flags: number, stream: number, payload: Buffer, length = payload.length): Buffer => {
  const header = Buffer.alloc(9);
  header.writeUIntBE(length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
};
const settings = frame(4, 0, 0, Buffer.alloc(0));
test("hostile bytes on the socket neither end nor fill the daemon", needsRoot, async (t) => {
  const node = await startNode(t);
  const { pid } = node.daemon;
  await node.cri.runtime.version({});
  const check = async (name: string, attack: () => Promise<void>): Promise<void> => {
    await t.test(name, async () => {
      const before = memoryOf(node);
      await attack();
      // Its deadline is 60 s; what is busy with an attack on a slow machine answers much sooner.
      equal((await node.cri.runtime.version({}, { timeoutMs: 20_000 })).runtimeName, "crib", "others are served");
      equal(node.daemon.pid, pid);
      ok(memoryOf(node) - before < 96, `${before} MiB became ${memoryOf(node)} MiB`);
    });
  };

  await check("a bad preface", () => sendBytes(node, Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  await check("random bytes after a good one", () => sendBytes(node, preface, Buffer.alloc(65_536, 0xa5)));
  await check("an invalid stream id", () => sendBytes(node, preface, settings, frame(1, 4, 2, Buffer.alloc(0))));
  await check("a frame longer than allowed", () =>
    sendBytes(node, preface, settings, frame(0, 0, 1, Buffer.alloc(1_000), 0xff_ff_ff)),
  );
  await check("a header block that never ends", async () => {
    const continuations = Array.from({ length: 500 }, () => frame(9, 0, 1, Buffer.alloc(16_000, 0x00)));
    await sendBytes(node, preface, settings, frame(1, 0, 1, Buffer.alloc(0)), ...continuations);
  });
  await check("thousands of SETTINGS and PING frames", async () => {
    await sendBytes(node, preface, ...Array.from({ length: 20_000 }, () => settings));
    await sendBytes(node, preface, settings, ...Array.from({ length: 20_000 }, () => frame(6, 0, 0, Buffer.alloc(8))));
  });

  await check("20,000 streams that are reset at once (CVE-2023-44487)", async () => {
    ok((await resetRapidly(node, 20_000)) > 1, "the connection is never closed");
  });

  await check("a message that says it is 1 GiB long", async () => {
    const status = await callWith(node, grpcMessage(Buffer.alloc(1_000), 0, 2 ** 30));
    equal(status, "8", "ResourceExhausted");
  });
  await check("a message of 17 MiB", async () => {
    // Either names the same thing; which one comes first depends on what the server has read.
    match(await callWith(node, grpcMessage(Buffer.alloc(17 * 2 ** 20))), /^8$|ENHANCE_YOUR_CALM/);
  });
  await check("a compressed message that grows to 256 MiB (CVE-2024-37168)", async () => {
    const bomb = await gzipBomb(256);
    const status = await callWith(node, grpcMessage(bomb, 1), { "grpc-encoding": "gzip" });
    ok(["8", "12", "13"].includes(status), status);
  });
  await check("a compressed message that is not (CVE-2026-48069)", async () => {
    const status = await callWith(node, grpcMessage(Buffer.from("not gzip"), 1), { "grpc-encoding": "gzip" });
    ok(["3", "12", "13"].includes(status), status);
  });
  await check("a compressed message without an encoding", async () => {
    const status = await callWith(node, grpcMessage(Buffer.from("x"), 1));
    ok(["3", "12", "13"].includes(status), status);
  });
  await check("a message that is no protobuf", async () => {
    const status = await callWith(node, grpcMessage(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])));
    ok(["3", "13"].includes(status), status);
  });
  await check("a method and a service that are not there", async () => {
    for (const path of ["/runtime.v1.RuntimeService/Nope", "/nope", "/", "/__proto__/constructor"])
      equal(await callWith(node, grpcMessage(Buffer.alloc(0)), { ":path": path }), "12", path);
  });

  await t.test("a configuration of 15 MiB is refused for what it says, not for its size", async () => {
    const labels = { big: "x".repeat(15 * 2 ** 20) };
    await rejects(node.runPod({ change: (config) => ({ ...config, labels }) }));
    equal((await node.cri.runtime.version({})).runtimeName, "crib");
  });
});
