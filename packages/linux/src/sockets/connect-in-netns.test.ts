import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { pinNamespaces } from "../namespaces/pin-namespaces.ts";
import { withNetns } from "../namespaces/thread-namespaces.ts";
import { needsRoot, openDescriptors, ownNamespaces, temporaryDirectory } from "../testing/host.ts";
import { connectInNetns } from "./connect-in-netns.ts";

test("a server inside is reached over both families, and not from outside", needsRoot, async (t) => {
  const net = `${temporaryDirectory(t)}/net`;
  pinNamespaces({ net, loopbackUp: true });
  const server = createServer((socket) => socket.end("from inside"));
  t.after(() => server.close());
  // Without a host name, listen makes its socket at once.
  withNetns(net, () => void server.listen(0));
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  for (const family of [4, 6] as const) {
    const socket = await connectInNetns(net, { family, port });
    const [data] = (await once(socket, "data")) as [Buffer];
    equal(data.toString(), "from inside");
    socket.destroy();
    await once(socket, "close");
  }
});

test("a refused, unreachable or missing target leaves no descriptor and the thread outside", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const net = `${directory}/net`;
  pinNamespaces({ net, loopbackUp: true });
  pinNamespaces({ net: `${directory}/down` });
  const before = [openDescriptors(), ownNamespaces()];
  await rejects(connectInNetns(net, { family: 4, port: 9 }), { code: Code.Unavailable, message: /ECONNREFUSED/ });
  await rejects(connectInNetns(`${directory}/down`, { family: 4, port: 9 }), /ENETUNREACH/);
  await rejects(connectInNetns(`${directory}/none`, { family: 4, port: 9 }), { code: Code.NotFound });
  deepEqual([openDescriptors(), ownNamespaces()], before);
});
