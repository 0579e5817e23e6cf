import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { readdir, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";

import { answersAt, placePrivateSocket } from "./private-socket.ts";
import { openDirectory } from "./testing/serve-locally.ts";

function listening(t: TestContext): { readonly server: Server; readonly listen: (path: string) => Promise<void> } {
  const server = createServer((socket) => socket.end());
  t.after(() => server.close());
  return {
    server,
    listen: async (path) => {
      server.listen(path);
      await once(server, "listening");
    },
  };
}

test("the socket is for its owner only and stands alone in its directory", async (t) => {
  const directory = await openDirectory(t);
  const path = join(directory, "a.sock");
  const socket = await placePrivateSocket(path, listening(t).listen);
  equal((await stat(path)).mode & 0o777, 0o600);
  deepEqual(await readdir(directory), ["a.sock"]);
  equal(await answersAt(path), true);
  await socket.remove();
  await socket.remove();
  deepEqual(await readdir(directory), []);
});

test("a socket that somebody answers on stays, one that nobody answers on is replaced", async (t) => {
  const directory = await openDirectory(t);
  const path = join(directory, "a.sock");
  const first = listening(t);
  const old = await placePrivateSocket(path, first.listen);
  await rejects(placePrivateSocket(path, listening(t).listen), { code: Code.AlreadyExists });
  first.server.close();
  await once(first.server, "close");
  equal(await answersAt(path), false);
  await placePrivateSocket(path, listening(t).listen);
  equal(await answersAt(path), true);
  await old.remove();
  equal(await answersAt(path), true);
  deepEqual(await readdir(directory), ["a.sock"]);
});

test("what is no socket is not replaced, and a failing listener leaves nothing", async (t) => {
  const directory = await openDirectory(t);
  await writeFile(join(directory, "file"), "");
  await rejects(placePrivateSocket(join(directory, "file"), listening(t).listen), { code: Code.AlreadyExists });
  await rejects(
    placePrivateSocket(join(directory, "b.sock"), () => Promise.reject(new Error("no"))),
    /no/,
  );
  const nowhere = placePrivateSocket(join(directory, "no/b.sock"), listening(t).listen);
  await rejects(nowhere, { code: Code.NotFound, message: /^listening on/ });
  await rejects(placePrivateSocket("relative.sock", listening(t).listen), { code: Code.InvalidArgument });
  await rejects(placePrivateSocket(`/${"x".repeat(107)}`, listening(t).listen), { code: Code.InvalidArgument });
  deepEqual(await readdir(directory), ["file"]);
});
