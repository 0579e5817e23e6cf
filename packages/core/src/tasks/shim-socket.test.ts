import { equal } from "node:assert/strict";
import { access, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { removeDeadSocket, shimSocketPath, unixPath } from "./shim-socket.ts";

test("two daemons never share a socket, since their addresses differ", () => {
  const one = shimSocketPath("/run/crib/crib.sock", "k8s.io", "pod");
  const two = shimSocketPath("/run/crib2/crib.sock", "k8s.io", "pod");
  equal(one === two, false);
  // sha256 of "/run/crib/crib.sock/k8s.io/pod", as the shim itself computes it.
  equal(one, "/run/containerd/s/214de06be9d9bca6fa244f96f3da161b1f16f1c394b4babae6288127bfc7c7c8");
});

test("only unix addresses have a path", () => {
  equal(unixPath("unix:///run/s"), "/run/s");
  equal(unixPath("unix://run/s"), undefined);
  equal(unixPath("vsock://3:1"), undefined);
});

test("a socket that is served, a file and a link are never removed", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "crib-sock-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(dir, "live"), resolve));
  t.after(() => server.close());
  await writeFile(join(dir, "file"), "");
  await symlink(join(dir, "live"), join(dir, "link"));
  for (const name of ["live", "file", "link"]) {
    equal(await removeDeadSocket(join(dir, name), t.signal), false, name);
    await access(join(dir, name));
  }
  equal(await removeDeadSocket(join(dir, "missing"), t.signal), true);
});
