import { deepEqual, equal, notEqual, rejects, throws } from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { mountsUnder } from "../mounts/mount-table.ts";
import { mountTmpfs } from "../mounts/mount-tmpfs.ts";
import { needsRoot, openDescriptors, ownNamespaces, temporaryDirectory } from "../testing/host.ts";
import { interfaceStats } from "./interface-stats.ts";
import { namespaceState } from "./namespace-state.ts";
import { pinNamespaces, unpinNamespace } from "./pin-namespaces.ts";
import { bindNamespace } from "./pin.ts";
import { inNamespaces } from "./thread-namespaces.ts";

const read = (path: string): string => readFileSync(path, "utf8").trim();
const forwardFile = "/proc/sys/net/ipv4/conf/all/log_martians";
const messageFile = "/proc/sys/kernel/msgmax";

test("pinned namespaces are set up as asked, and the host stays as it was", needsRoot, (t) => {
  const directory = temporaryDirectory(t);
  const [net, ipc, uts] = ["net", "ipc", "uts"].map((kind) => `${directory}/${kind}`) as [string, string, string];
  const before = [ownNamespaces(), hostname(), read(forwardFile), read(messageFile)];
  pinNamespaces({
    net,
    ipc,
    uts,
    hostname: "web-0",
    loopbackUp: true,
    sysctls: { "net.ipv4.conf.all.log_martians": "1", "kernel.msgmax": "4321", "kernel.domainname": "example" },
  });
  deepEqual([ownNamespaces(), hostname(), read(forwardFile), read(messageFile)], before);
  const inside = inNamespaces({ net, ipc, uts }, () => [
    hostname(),
    read(forwardFile),
    read(messageFile),
    read("/proc/sys/kernel/domainname"),
    ...ownNamespaces(),
  ]);
  deepEqual(inside.slice(0, 4), ["web-0", "1", "4321", "example"]);
  for (const index of [0, 1, 2]) notEqual(inside[4 + index], ownNamespaces()[index]);
  const [lo, ...others] = interfaceStats(net);
  equal(lo?.name, "lo");
  deepEqual(lo.addresses, ["127.0.0.1/8", "::1/128"]);
  equal(others.length, 0);
  equal(statSync(net).mode & 0o222, 0, "nobody writes a namespace file");
});

test("lo stays down unless asked for", needsRoot, (t) => {
  const net = `${temporaryDirectory(t)}/net`;
  pinNamespaces({ net });
  deepEqual(
    interfaceStats(net).map(({ name, addresses }) => [name, addresses]),
    [["lo", []]],
  );
});

test("two hundred pins and unpins leave no mount, file or descriptor", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const kinds = { net: `${directory}/net`, ipc: `${directory}/ipc`, uts: `${directory}/uts` };
  pinNamespaces(kinds);
  for (const path of Object.values(kinds)) await unpinNamespace(path);
  const before = [openDescriptors(), ownNamespaces(), hostname()];
  for (let cycle = 0; cycle < 200; cycle += 1) {
    pinNamespaces({ ...kinds, hostname: `pod-${cycle}`, loopbackUp: true });
    for (const path of Object.values(kinds)) await unpinNamespace(path);
  }
  deepEqual([openDescriptors(), ownNamespaces(), hostname()], before);
  deepEqual(readdirSync(directory), []);
  deepEqual(await mountsUnder(directory), []);
});

test("a failed pin comes back to the host's namespaces and leaves nothing", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const net = `${directory}/net`;
  writeFileSync(`${directory}/taken`, "kept");
  const before = [openDescriptors(), ownNamespaces(), hostname()];
  const failures = [
    [{ net: `${directory}/missing/net` }, Code.NotFound],
    [{ net, ipc: `${directory}/missing/ipc` }, Code.NotFound],
    [{ net, ipc: `${directory}/ipc`, uts: `${directory}/taken` }, Code.AlreadyExists],
    [{ net, sysctls: { "net.ipv4.no_such": "1" } }, Code.NotFound],
    [{ net, sysctls: { "net.ipv4.ip_forward": "junk" } }, Code.InvalidArgument],
    [{ uts: `${directory}/uts`, hostname: "x".repeat(65) }, Code.InvalidArgument],
    [{ net: `${directory}/a\0b` }, Code.InvalidArgument],
  ] as const;
  for (const [request, code] of failures) {
    throws(() => pinNamespaces(request), { code }, JSON.stringify(request));
    deepEqual([openDescriptors(), ownNamespaces(), hostname()], before);
    deepEqual(readdirSync(directory), ["taken"]);
  }
  equal(read(`${directory}/taken`), "kept");
  deepEqual(await mountsUnder(directory), []);
});

test("a request never reaches a namespace that it does not make", needsRoot, (t) => {
  const directory = temporaryDirectory(t);
  const before = [hostname(), read(messageFile), ownNamespaces()];
  const code = Code.InvalidArgument;
  const net = `${directory}/net`;
  throws(() => pinNamespaces({ net, hostname: "other" }), { code, message: /hostname/ });
  throws(() => pinNamespaces({ net, sysctls: { "kernel.msgmax": "1" } }), { code, message: /"kernel.msgmax" needs/ });
  throws(() => pinNamespaces({ net, sysctls: { "kernel.panic": "1" } }), { code, message: /belongs to the host/ });
  throws(() => pinNamespaces({ sysctls: { "net.ipv4.ip_forward": "1" } }), { code });
  pinNamespaces({ loopbackUp: true });
  deepEqual([hostname(), read(messageFile), ownNamespaces()], before);
  deepEqual(readdirSync(directory), []);
});

test("unpinning succeeds on what is missing, half made or mounted twice", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const path = `${directory}/net`;
  await unpinNamespace(path);
  await unpinNamespace(`${directory}/missing/net`);
  equal(namespaceState(path), "missing");
  writeFileSync(path, "");
  equal(namespaceState(path), "file");
  await unpinNamespace(path);
  equal(existsSync(path), false);
  pinNamespaces({ net: path });
  equal(namespaceState(path), "namespace");
  throws(() => bindNamespace("/proc/self/ns/net", path), { code: Code.AlreadyExists });
  equal(namespaceState(path), "namespace");
  await unpinNamespace(path);
  await unpinNamespace(path);
  equal(namespaceState(path), "missing");
});

test("unpinning takes off nothing but namespaces", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/data`);
  mountTmpfs(`${directory}/data`, { sizeBytes: 65_536 });
  writeFileSync(`${directory}/data/file`, "kept");
  await rejects(unpinNamespace(`${directory}/data`));
  equal(read(`${directory}/data/file`), "kept");
});
