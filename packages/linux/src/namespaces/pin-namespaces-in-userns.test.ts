import { deepEqual, equal, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code, StatusError } from "@crib/errdefs";

import { findProcessesByEnv } from "../processes/find-processes.ts";
import { needsRoot, openDescriptors, ownNamespaces, temporaryDirectory } from "../testing/host.ts";
import { interfaceStats } from "./interface-stats.ts";
import { pinNamespacesInUserns } from "./pin-namespaces-in-userns.ts";
import { unpinNamespace } from "./pin-namespaces.ts";
import { inNamespaces } from "./thread-namespaces.ts";

const maps = {
  uidMappings: [{ containerId: 0, hostId: 200_000, length: 65_536 }],
  gidMappings: [{ containerId: 0, hostId: 300_000, length: 65_536 }],
};

/** Ids of this process' children that are there, zombies included. */
function children(): string {
  return readFileSync(`/proc/self/task/${process.pid}/children`, "latin1");
}

test("the namespaces belong to a user namespace with the mappings asked for", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const [user, net, ipc, uts] = ["user", "net", "ipc", "uts"].map((kind) => `${directory}/${kind}`);
  const before = [ownNamespaces(), openDescriptors(), children(), process.geteuid?.()];
  const sysctls = { "net.ipv4.ping_group_range": "0 65535", "kernel.msgmax": "4321" };
  await pinNamespacesInUserns({ ...maps, user, net, ipc, uts, hostname: "u", loopbackUp: true, sysctls });
  deepEqual([ownNamespaces(), openDescriptors(), children(), process.geteuid?.()], before);
  equal(interfaceStats(net ?? "")[0]?.addresses[0], "127.0.0.1/8");
  const inside = inNamespaces({ ipc: ipc ?? "" }, () => readFileSync("/proc/sys/kernel/msgmax", "utf8"));
  equal(inside.trim(), "4321");
  // Only the root of the owning user namespace may write these.
  const { stdout, stderr } = spawnSync(
    "nsenter",
    [
      `--user=${user}`,
      `--net=${net}`,
      `--ipc=${ipc}`,
      `--uts=${uts}`,
      "sh",
      "-c",
      "cat /proc/self/uid_map /proc/self/gid_map; echo 1 > /proc/sys/net/ipv4/ip_forward && hostname v && hostname",
    ],
    { encoding: "utf8" },
  );
  deepEqual(stdout.split(/\s+/).filter(Boolean), ["0", "200000", "65536", "0", "300000", "65536", "v"], stderr);
  for (const name of readdirSync(directory)) await unpinNamespace(`${directory}/${name}`);
  deepEqual(readdirSync(directory), []);
});

test("a failed call leaves no pin, helper or descriptor", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const user = `${directory}/user`;
  const net = `${directory}/net`;
  writeFileSync(`${directory}/taken`, "");
  await pinNamespacesInUserns({ ...maps, user });
  await unpinNamespace(user);
  const before = [ownNamespaces(), openDescriptors(), children()];
  const overlapping = [...maps.uidMappings, { containerId: 5, hostId: 9, length: 1 }];
  const failures = [
    [{ ...maps, user, net: `${directory}/taken` }, Code.AlreadyExists],
    [{ ...maps, user, net: `${directory}/missing/net` }, Code.NotFound],
    [{ ...maps, user, net, uidMappings: [] }, Code.InvalidArgument],
    [{ ...maps, user, net, uidMappings: [{ containerId: -1, hostId: 0, length: 1 }] }, Code.InvalidArgument],
    [{ ...maps, user, net, uidMappings: overlapping }, Code.InvalidArgument],
    [{ ...maps, user, net, sysctls: { "kernel.msgmax": "1" } }, Code.InvalidArgument],
  ] as const;
  for (const [request, code] of failures) {
    await rejects(pinNamespacesInUserns(request), { code });
    deepEqual([ownNamespaces(), openDescriptors(), children()], before);
    deepEqual(readdirSync(directory), ["taken"]);
  }
});

test(
  "the helper can be recognised while it holds the namespaces, and ends with a failure then",
  needsRoot,
  async (t) => {
    const directory = temporaryDirectory(t);
    const before = [openDescriptors(), children()];
    let held: readonly (readonly string[])[] = [];
    const whileHeld = async (): Promise<void> => {
      held = (await findProcessesByEnv("CRIB_TEST_HELPER")).map(({ env, cmdline }) => [
        env["CRIB_TEST_HELPER"] ?? "",
        ...cmdline,
      ]);
      throw new StatusError(Code.Aborted, "enough");
    };
    const helperEnv = { CRIB_TEST_HELPER: directory };
    await rejects(pinNamespacesInUserns({ ...maps, net: `${directory}/net`, helperEnv, whileHeld }), {
      code: Code.Aborted,
    });
    deepEqual(held, [[directory, "cat"]]);
    deepEqual([openDescriptors(), children()], before);
    deepEqual(readdirSync(directory), []);
  },
);

test("an aborted call ends its helper and leaves nothing", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const before = children();
  const abort = new AbortController();
  const pinning = pinNamespacesInUserns({ ...maps, net: `${directory}/net` }, abort.signal);
  abort.abort();
  await rejects(pinning, { code: Code.Canceled });
  equal(children(), before);
  deepEqual(readdirSync(directory), []);
});
