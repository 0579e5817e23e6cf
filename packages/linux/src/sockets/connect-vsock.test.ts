import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { closeSync, writeSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { constants } from "node:os";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { check } from "../libc/errno-error.ts";
import { type Call, connect, declare, socket, socketpair } from "../libc/libc.ts";
import { openDescriptors, temporaryDirectory } from "../testing/host.ts";
import { until } from "../testing/until.ts";
import { connectVsock, type VsockKernel } from "./connect-vsock.ts";
import { socketOfDescriptor } from "./socket-of-descriptor.ts";
import { SOCK_STREAM_NONBLOCK_CLOEXEC } from "./until-connected.ts";

const { EADDRNOTAVAIL, ECONNRESET, EINPROGRESS, ENODEV } = constants.errno;
const never = new AbortController().signal;

/** A kernel whose virtual machine is a unix socket. */
function kernelTo(path: string, seen: Uint8Array[] = []): VsockKernel {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(1, 0);
  address.write(path, 2);
  return {
    socket: (_, type) => socket(1, type, 0),
    connect: (fd, asked) => {
      seen.push(asked);
      return connect(fd, address, address.byteLength);
    },
  };
}

async function untilClosed(stream: Socket): Promise<void> {
  stream.destroy();
  if (!stream.closed) await once(stream, "close");
}

test("a connected socket is a stream, both ways, and its address is that of vsock(7)", async (t) => {
  const path = `${temporaryDirectory(t)}/socket`;
  const server = createServer((peer) => peer.pipe(peer));
  await once(server.listen(path), "listening");
  t.after(() => server.close());
  const before = openDescriptors();
  const seen: Uint8Array[] = [];
  const stream = await connectVsock({ cid: 0x01020304, port: 1024 }, never, kernelTo(path, seen));
  deepEqual([...(seen[0] ?? [])], [40, 0, 0, 0, 0, 4, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0]);
  const sent = Buffer.alloc(300_000, "x");
  stream.end(sent);
  const received: Buffer[] = [];
  for await (const chunk of stream) received.push(chunk as Buffer);
  equal(Buffer.concat(received).equals(sent), true);
  await untilClosed(stream);
  await until("the peer's end is closed too", () => openDescriptors() === before);
});

test("what the kernel refuses is an error with its class, and leaves nothing", async () => {
  const before = openDescriptors();
  const refusing = (errno: number): VsockKernel => ({
    socket: (_, type) => socket(1, type, 0),
    connect: () => -errno,
  });
  const to = { cid: 3, port: 1024 };
  const cases = [
    [ENODEV, Code.NotFound],
    [ECONNRESET, Code.Unavailable],
    [EADDRNOTAVAIL, Code.Unavailable],
  ] as const;
  for (const [errno, code] of cases) {
    await rejects(connectVsock(to, never, refusing(errno)), { code, message: /port 1024 of virtual machine 3/ });
  }
  {
    using pending = pendingKernel();
    await rejects(connectVsock(to, AbortSignal.timeout(30), pending), { name: /AbortError|TimeoutError/ });
    await rejects(connectVsock(to, AbortSignal.abort(), pending), { name: "AbortError" });
  }
  equal(openDescriptors(), before);
});

/** A connect that never comes to an end: a socket that cannot be written to. */
function pendingKernel(): VsockKernel & Disposable {
  const others: number[] = [];
  return {
    socket: (_, type) => {
      const pair = Buffer.alloc(8);
      check(socketpair(1, type, 0, pair), "making a socket");
      const fd = pair.readInt32LE(0);
      others.push(pair.readInt32LE(4));
      try {
        for (;;) writeSync(fd, Buffer.alloc(65_536));
      } catch {
        return fd; // full
      }
    },
    connect: () => -EINPROGRESS,
    [Symbol.dispose]: () => others.forEach((fd) => closeSync(fd)),
  };
}

const memory = "void *";
const bind: Call<[fd: number, address: Uint8Array, length: number]> = declare("bind", "int", ["int", memory, "uint"]);
const listen: Call<[fd: number, backlog: number]> = declare("listen", "int", ["int", "int"]);
const accept4: Call<[fd: number, address: null, length: null, flags: number]> = declare("accept4", "int", [
  "int",
  memory,
  memory,
  "int",
]);

/** A listening socket at this machine's own loopback; undefined without the kernel's module for it. */
function listenAtLoopback(port: number): number | undefined {
  const fd = socket(40, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  const address = Buffer.alloc(16);
  address.writeUInt16LE(40, 0);
  address.writeUInt32LE(port, 4);
  address.writeUInt32LE(1, 8);
  if (bind(fd, address, address.byteLength) >= 0 && listen(fd, 8) >= 0) return fd;
  closeSync(fd);
  return undefined;
}

const port = 40_000 + (process.pid % 20_000);
const listening = listenAtLoopback(port);

test(
  "a port of this machine is reached over the loopback of vsock",
  { skip: listening === undefined && "no vsock loopback: the module vsock_loopback is not there" },
  async (t) => {
    const fd = listening ?? -1;
    t.after(() => closeSync(fd));
    const stream = await connectVsock({ cid: 1, port }, t.signal);
    stream.write("hello");
    const peer = socketOfDescriptor(check(accept4(fd, null, null, SOCK_STREAM_NONBLOCK_CLOEXEC & ~1), "accepting"));
    const [bytes] = (await once(peer, "data")) as [Buffer];
    equal(bytes.toString(), "hello");
    peer.end("back");
    const [answer] = (await once(stream, "data")) as [Buffer];
    equal(answer.toString(), "back");
    await Promise.all([untilClosed(stream), untilClosed(peer)]);
    await rejects(connectVsock({ cid: 1, port: port + 1 }, t.signal), { code: Code.Unavailable });
  },
);
