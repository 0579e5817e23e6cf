import { deepEqual, equal, match, ok } from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";

import { requestRaw, spdyHeaders, ZlibHeaders } from "@crib/streaming/testing";

import { attachChurn } from "../support/containers/attach-churn.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { interactiveExecs } from "../support/containers/interactive-execs.ts";
import { openFiles, processUse } from "../support/containers/process-use.ts";
import { attachUrl, execUrl, portForwardUrl, runOverSpdy } from "../support/containers/streaming-calls.ts";
import { eventually } from "../support/eventually.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { needsRoot } from "../support/needs-root.ts";
import { within } from "../support/within.ts";

/** A SPDY/3 control frame. */
function control(type: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.from([0x80, 3, 0, type, 0, 0, 0, 0]);
  head.writeUIntBE(length, 5, 3);
  return Buffer.concat([head, payload]);
}

/** A SYN_STREAM whose header block is compressed as clients do. */
async function synStream(block: Buffer): Promise<Buffer> {
  using headers = new ZlibHeaders();
  const fixed = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return control(1, Buffer.concat([fixed, await headers.compress(block)]));
}

const attacks: Readonly<Record<string, () => Promise<Buffer> | Buffer>> = {
  "SETTINGS that say they are 4,294,967,295": () => {
    const entries = Buffer.alloc(12);
    entries.writeUInt32BE(0xff_ff_ff_ff);
    return control(4, entries);
  },
  "2,147,483,648 headers": () => synStream(Buffer.from([0x80, 0, 0, 0])),
  "a name of 2 GiB": () => synStream(Buffer.from([0, 0, 0, 1, 0x80, 0, 0, 0])),
  "headers that grow to 16 MiB": () => synStream(Buffer.alloc(16 * 2 ** 20)),
  "a control frame of 16 MiB": () => control(1, Buffer.alloc(0), 0xff_ff_ff),
  "data for no stream": () => Buffer.from([0, 0, 0, 9, 0, 0, 0, 1, 7]),
};

test("hostile clients of the streaming port", needsRoot, async (t) => {
  const config = () => ({ streaming: { creation_timeout: "30s" } });
  const scene = await startContainerNode(t, { config });
  const { node } = scene;
  const pod = await node.runPod();
  const container = await scene.runContainer(pod);
  const { hostname, port } = new URL(await execUrl(node, container, ["true"]));
  const isServed = async (): Promise<void> => {
    const { stdout } = await runOverSpdy(await execUrl(node, container, ["echo", "served"]), {}, t.signal);
    equal(stdout, "served\n");
    scene.expectUnharmed();
  };
  await isServed();

  for (const [name, bytes] of Object.entries(attacks)) {
    await t.test(`${name}: the connection is closed and takes no memory (CVE-2026-35469)`, async () => {
      const url = await execUrl(node, container, ["true"]);
      const attack = await bytes();
      const memory = watchPeakMemory(node.daemon.pid);
      using client = await requestRaw(url, spdyHeaders);
      match(client.answer, /^HTTP\/1\.1 101 /);
      client.socket.write(attack);
      await client.rest;
      ok(memory.growth() < 24, `${memory.growth()} MiB`);
      await isServed();
    });
  }

  await t.test("a connection whose upgrade failed takes no second request (CVE-2018-1002105)", async () => {
    const good = new URL(await execUrl(node, container, ["touch", "/tmp/smuggled"]));
    const second = ["", `GET ${good.pathname} HTTP/1.1`, "Host: x", ...spdyHeaders];
    using client = await requestRaw(`http://${hostname}:${port}/exec/unknown`, [...spdyHeaders, ...second]);
    match(client.answer, /^HTTP\/1\.1 404 /);
    equal((await client.rest).toString(), "not found\n");
    equal(await container.sh("test -e /tmp/smuggled || echo clean"), "clean\n");
  });

  await t.test(
    "no answer sends a client elsewhere, whatever it asks for (CVE-2018-1002102, CVE-2020-8559)",
    async () => {
      for (const path of ["/", "//example.org/", "/exec", "/exec/", "/exec/../exec/x", "/exec/%2e%2e", "/attach/a/b"]) {
        for (const method of ["GET", "POST", "PUT", "CONNECT", "OPTIONS"]) {
          using client = await requestRaw(`http://${hostname}:${port}${path}`, spdyHeaders, method);
          // Nothing at all is what CONNECT gets.
          match(client.answer, method === "CONNECT" ? /^$/ : /^HTTP\/1\.1 4\d\d /, `${method} ${path}`);
          equal(/^Location:/im.test(client.answer), false);
        }
      }
      await isServed();
    },
  );

  await t.test("1,000 connections that say nothing, and slow ones, keep nobody out and are closed", async (t) => {
    const before = processUse(node.daemon.pid);
    const memory = watchPeakMemory(node.daemon.pid);
    const sockets = Array.from({ length: 1_000 }, () => connect({ host: hostname, port: Number(port) }));
    const ends = sockets.map((socket) => ended(socket));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    for (const socket of sockets.slice(0, 50)) socket.write("GET /exec/x HTTP/1.1\r\n");
    const drip = setInterval(() => {
      for (const socket of sockets.slice(0, 50)) if (socket.writable) socket.write("X-A: b\r\n");
    }, 500);
    try {
      const began = performance.now();
      await isServed();
      const took = Math.round(performance.now() - began);
      const held = processUse(node.daemon.pid).fds - before.fds;
      ok(held > 0.95 * sockets.length, `only ${held} of them were there when a command was served`);
      const growth = Math.round(memory.growth());
      t.diagnostic(`${growth} MiB more at the peak; a command meanwhile: ${took} ms`);
      ok(growth < 100, `${growth} MiB`);
      // Nobody may take more than 10 s for the head of a request.
      ok(await within(60_000, Promise.all(ends)), "some are not closed");
    } finally {
      clearInterval(drip);
      for (const socket of sockets) socket.destroy();
    }
    await eventually(10_000, () =>
      ok(processUse(node.daemon.pid).fds <= before.fds + 2, openFiles(node.daemon.pid).join("\n")),
    );
  });

  await t.test("clients that vanish leave nothing (CVE-2022-23471, CVE-2025-64329)", async (t) => {
    t.diagnostic(JSON.stringify(await attachChurn(node, container, Number(process.env["CRIB_SOAK_ATTACHES"] ?? 300))));
  });

  await t.test("50 who talk to a command at once are all served", async (t) => {
    const count = Number(process.env["CRIB_SOAK_INTERACTIVE"] ?? 50);
    t.diagnostic(JSON.stringify(await interactiveExecs(node, container, count, t.signal)));
  });

  await t.test("more URLs than may wait are refused, and those that wait are good", async () => {
    const urls = await Promise.allSettled(Array.from({ length: 1_100 }, () => attachUrl(node, container)));
    const codes = urls.flatMap((one) => (one.status === "rejected" ? [(one.reason as { code: number }).code] : []));
    ok(codes.length >= 100);
    deepEqual([...new Set(codes)], [8]);
    scene.expectUnharmed();
  });

  await t.test("a client that opens too few streams is dropped after its time", async () => {
    // Not from the beginning: a machine under load is no client that opens too few.
    const before = readFileSync(node.configFile, "utf8");
    writeFileSync(node.configFile, before.replace('"creation_timeout" = "30s"', '"creation_timeout" = "2s"'));
    await node.restart();
    const urls = [await execUrl(node, container, ["true"]), await attachUrl(node, container)];
    const drop = async (url: string): Promise<void> => {
      const began = performance.now();
      using client = await requestRaw(url, spdyHeaders);
      await client.rest;
      const took = performance.now() - began;
      ok(took >= 1_990 && took < 30_000, `${took} ms`);
    };
    await Promise.all(urls.map(drop));
    using forward = await requestRaw(await portForwardUrl(node, pod), spdyHeaders);
    match(forward.answer, /^HTTP\/1\.1 403 /);
  });
});

/** Settles when the server has closed a connection. */
async function ended(socket: Socket): Promise<void> {
  socket.on("error", () => {}); // a reset is an end, too
  socket.resume();
  await once(socket, "close");
}
