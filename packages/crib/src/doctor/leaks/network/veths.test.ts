import { deepEqual, equal, match } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { pinNamespaces, unpinNamespace } from "@crib/linux";

import { findLeaks } from "../find-leaks.ts";
import { type LeakScene, makeLeakScene } from "../testing/leak-scene.ts";
import type { Finding } from "../types.ts";

const skip = process.getuid?.() === 0 ? false : "needs root";

function ip(...args: readonly string[]): string {
  return execFileSync("ip", args, { encoding: "utf8" });
}

/** Names that no other test on the machine has at the same time. */
const fresh = (prefix: string): string => `${prefix}${randomBytes(4).toString("hex")}`;

/** A namespace at `path` with a veth to the host, as the bridge plugin makes it; everything goes with the disposal. */
async function pinWithVeth(path: string, bridge?: string): Promise<AsyncDisposable & { readonly host: string }> {
  const host = fresh("vt");
  pinNamespaces({ net: path });
  const inside = (...args: readonly string[]): void => void execFileSync("nsenter", [`--net=${path}`, "ip", ...args]);
  // Made from within, its host end named there, as the plugins do.
  inside("link", "add", "eth0", "type", "veth", "peer", "name", host, "netns", String(process.pid));
  if (bridge !== undefined) ip("link", "set", host, "master", bridge);
  return {
    host,
    async [Symbol.asyncDispose](): Promise<void> {
      try {
        ip("link", "delete", host);
      } catch {
        // the test took it away
      }
      await unpinNamespace(path);
    },
  };
}

function makeBridge(): Disposable & { readonly name: string } {
  const name = fresh("bt");
  ip("link", "add", name, "type", "bridge");
  return { name, [Symbol.dispose]: () => void ip("link", "delete", name) };
}

/** A CNI configuration of ours that names the bridge. */
async function configure({ config }: LeakScene, bridge: string): Promise<void> {
  const [dir = ""] = config.cniConfDirs ?? [];
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "10-x.conflist"), JSON.stringify({ name: "x", plugins: [{ type: "bridge", bridge }] }));
}

async function vethsOf(scene: LeakScene): Promise<readonly Finding[]> {
  const { findings, problems } = await findLeaks(scene.config);
  deepEqual(problems, []);
  return findings.filter(({ counter }) => counter === "veths");
}

test("a veth into the leaked namespace of one of our ids is found", { skip }, async () => {
  await using scene = await makeLeakScene();
  const id = scene.newId();
  await using pinned = await pinWithVeth(join(scene.config.netnsDir, `crib-${id}`));
  const [finding] = await vethsOf(scene);
  equal(finding?.path, `/sys/class/net/${pinned.host}`);
  equal(finding?.rowId, id);
});

test("a veth of a pod with a row is not counted, whether its result is stored yet or not", { skip }, async () => {
  await using scene = await makeLeakScene();
  const creating = await scene.addRow("creating");
  await using first = await pinWithVeth(join(scene.config.netnsDir, `crib-${creating}`));
  await using _ = await pinWithVeth(join(scene.config.netnsDir, `crib-${await scene.addRow("ready")}`));
  deepEqual(await vethsOf(scene), []);
  equal(first.host.length, 10);
});

test("a veth that the stored result of a live pod names needs no look into its namespace", { skip }, async () => {
  await using scene = await makeLeakScene();
  using bridge = makeBridge();
  await configure(scene, bridge.name);
  await using anonymous = await pinWithVeth(join(scene.config.root, "elsewhere"), bridge.name);
  const [link] = JSON.parse(ip("-j", "link", "show", anonymous.host)) as { address: string }[];
  const result = { interfaces: [{ name: anonymous.host, mac: link?.address }] };
  await scene.addRow("ready", { facts: { network: { addresses: [], results: [result] } } });
  deepEqual(await vethsOf(scene), []);
});

test("on a shared bridge, a veth of somebody else's namespace is not counted", { skip }, async () => {
  await using scene = await makeLeakScene();
  using bridge = makeBridge();
  await configure(scene, bridge.name);
  await using _ = await pinWithVeth(join(scene.config.root, "cni-foreign"), bridge.name);
  deepEqual(await vethsOf(scene), []);
});

test(
  "on our bridge, a veth whose other end is in a namespace without name and process is found",
  { skip },
  async () => {
    await using scene = await makeLeakScene();
    using bridge = makeBridge();
    await configure(scene, bridge.name);
    const path = join(scene.config.root, "forgotten");
    await using pinned = await pinWithVeth(path, bridge.name);
    // An open descriptor alone keeps the namespace, and so the veth.
    const fd = openSync(path, "r");
    try {
      await unpinNamespace(path);
      const [finding] = await vethsOf(scene);
      equal(finding?.path, `/sys/class/net/${pinned.host}`);
      match(finding?.why ?? "", /without name and process/);
    } finally {
      closeSync(fd);
    }
  },
);
