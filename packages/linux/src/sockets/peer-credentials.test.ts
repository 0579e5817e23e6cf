import { deepEqual, throws } from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { temporaryDirectory } from "../testing/host.ts";
import { peerCredentials } from "./peer-credentials.ts";

test("the peer of a Unix socket is told with pid, uid and gid", async (t) => {
  const path = `${temporaryDirectory(t)}/socket`;
  const server = createServer();
  t.after(() => server.close());
  await once(server.listen(path), "listening");
  const client = connect(path);
  t.after(() => client.destroy());
  const [accepted] = (await once(server, "connection")) as [Socket];
  const self = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
  deepEqual(peerCredentials(accepted), self);
  accepted.destroy();
  throws(() => peerCredentials(accepted), { code: Code.FailedPrecondition });
});
