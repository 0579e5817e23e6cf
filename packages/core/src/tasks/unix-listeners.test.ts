import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { heldSockets, parseUnixListeners, unixListeners } from "./unix-listeners.ts";

test("of the sockets only those that listen are named", () => {
  const text = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01  2222 /run/a socket
0000000000000000: 00000003 00000000 00000000 0001 03  3333 /run/a socket
0000000000000000: 00000002 00000000 00010000 0001 01 44444
0000000000000000: 00000002 00000000 00010000 0005 01 55555 @abstract
`;
  deepEqual(parseUnixListeners(text), [
    { inode: "2222", path: "/run/a socket" },
    { inode: "44444", path: "" },
    { inode: "55555", path: "@abstract" },
  ]);
});

test("the process that holds a listening socket is told by its number, wherever its file is", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-listen-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(join(dir, "s"), resolve);
  await promise;
  t.after(() => server.close());
  await rename(join(dir, "s"), join(dir, "moved"));
  const found = (await unixListeners()).filter(({ path }) => path === join(dir, "s"));
  equal(found.length, 1);
  const inodes = new Set(found.map(({ inode }) => inode));
  deepEqual(await heldSockets(process.pid, inodes), [...inodes]);
  ok((await heldSockets(process.ppid, inodes)).length === 0);
  deepEqual(await heldSockets(0x7fff_ffff, inodes), []);
});
