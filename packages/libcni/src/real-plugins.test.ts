import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import type { Cni } from "./cni.ts";
import { parseNetworkList, type NetworkList } from "./config/network-list.ts";
import { createCni } from "./create-cni.ts";
import { podAddresses } from "./results/pod-addresses.ts";
import { openTempDir } from "./testing/temp-dir.ts";

const pluginDir = ["/opt/cni/bin", "/usr/lib/cni"].find((dir) => existsSync(join(dir, "bridge")));
const skip =
  process.getuid?.() !== 0
    ? "making network namespaces needs root"
    : pluginDir === undefined
      ? "needs the standard CNI plugins in /opt/cni/bin or /usr/lib/cni"
      : false;

const { signal } = new AbortController();

interface Bench extends AsyncDisposable {
  readonly cni: Cni;
  readonly list: NetworkList;
  readonly netnsName: string;
  readonly bridge: string;
  leases(): Promise<readonly string[]>;
}

/** A network of its own: bridge, subnet, leases, cache and one namespace, all gone at the end whatever happened. */
async function openBench(options: {
  readonly cniVersion: string;
  readonly subnet: number;
  readonly families?: "ipv4" | "dual";
}): Promise<Bench> {
  await using setUp = new AsyncDisposableStack();
  const dir = setUp.use(await openTempDir());
  const unique = `${process.pid}-${options.subnet}`;
  const netnsName = `lct-${unique}`;
  const bridge = `lct${process.pid % 100_000}b${options.subnet}`;
  execFileSync("ip", ["netns", "add", netnsName]);
  setUp.defer(() => quietly("ip", "netns", "del", netnsName));
  setUp.defer(() => quietly("ip", "link", "del", bridge));
  const ipv4 = [{ subnet: `10.231.${options.subnet}.0/24` }];
  const ipv6 = [{ subnet: `fd00:231:${options.subnet}::/64` }];
  const list = parseNetworkList(
    JSON.stringify({
      cniVersion: options.cniVersion,
      name: `lct-${unique}`,
      plugins: [
        {
          type: "bridge",
          bridge,
          isGateway: true,
          ipam: {
            type: "host-local",
            dataDir: join(dir.path, "leases"),
            ranges: options.families === "ipv4" ? [ipv4] : [ipv4, ipv6],
            routes: [{ dst: "0.0.0.0/0" }],
          },
        },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
    }),
  );
  const cni = createCni({ pluginDirs: [pluginDir ?? "/opt/cni/bin"], cacheDir: join(dir.path, "cache") });
  const cleanUp = setUp.move();
  return {
    cni,
    list,
    netnsName,
    bridge,
    async leases() {
      const files = await readdir(join(dir.path, "leases", list.name)).catch(() => []);
      return files.filter((file) => /^[0-9a-f.:_]+$/.test(file) && !file.startsWith("last"));
    },
    async [Symbol.asyncDispose]() {
      // Rules of portmap outlive the namespace; DEL is the only thing that knows them.
      await cni.del(undefined, { containerId: netnsName, netns: "", ifName: "eth0" }, signal).catch(() => {});
      await cleanUp[Symbol.asyncDispose]();
    },
  };
}

function quietly(file: string, ...args: readonly string[]): void {
  try {
    execFileSync(file, args, { stdio: "ignore" });
  } catch {
    // Not there any more, which is what was wanted.
  }
}

function natRules(): string {
  return execFileSync("iptables-save", ["-t", "nat"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

for (const [index, cniVersion] of ["0.3.1", "0.4.0", "1.0.0"].entries())
  test(`bridge, host-local and portmap attach and detach at version ${cniVersion}`, { skip }, async () => {
    await using bench = await openBench({ cniVersion, subnet: index + 1 });
    const { cni, list, netnsName } = bench;
    const attachment = {
      containerId: netnsName,
      netns: `/run/netns/${netnsName}`,
      ifName: "eth0",
      args: [
        ["IgnoreUnknown", "1"],
        ["K8S_POD_NAME", "web"],
      ],
      capabilityArgs: { portMappings: [{ hostPort: 42_310 + index, containerPort: 80, protocol: "tcp" }] },
    } as const;

    const result = await cni.add(list, attachment, signal);
    const { ip, additionalIps } = podAddresses(result);
    match(ip, new RegExp(`^10\\.231\\.${index + 1}\\.[0-9]+$`));
    match(additionalIps.join(), new RegExp(`^fd00:231:${index + 1}::`));
    const inside = execFileSync("ip", ["-n", netnsName, "-o", "addr", "show", "eth0"], { encoding: "utf8" });
    ok(inside.includes(`${ip}/24`), inside);
    ok(natRules().includes(`--to-destination ${ip}:80`));
    equal((await bench.leases()).length, 2);
    deepEqual(await cni.cachedResult(list.name, netnsName, "eth0"), result);

    await cni.del(undefined, attachment, signal);
    equal(natRules().includes(`--to-destination ${ip}:80`), false);
    deepEqual(await bench.leases(), []);
    deepEqual(await cni.cached(), []);
    await rejects(async () => execFileSync("ip", ["-n", netnsName, "link", "show", "eth0"], { stdio: "ignore" }));
    await cni.del(list, attachment, signal);
  });

test("an attachment whose namespace is gone is undone from the cache alone", { skip }, async () => {
  await using bench = await openBench({ cniVersion: "1.0.0", subnet: 10 });
  const { cni, list, netnsName } = bench;
  const attachment = { containerId: netnsName, netns: `/run/netns/${netnsName}`, ifName: "eth0" };
  await cni.add(list, attachment, signal);
  execFileSync("ip", ["netns", "del", netnsName]);
  await cni.del(undefined, { ...attachment, netns: "" }, signal);
  deepEqual(await bench.leases(), []);
  deepEqual(await cni.cached(), []);
});

test("CHECK passes on a whole attachment and fails once its interface is gone", { skip }, async () => {
  // One family only: portmap 1.1.1 compares its IPv6 rules with the IPv4 address.
  await using bench = await openBench({ cniVersion: "1.0.0", subnet: 13, families: "ipv4" });
  const { cni, list, netnsName } = bench;
  const attachment = { containerId: netnsName, netns: `/run/netns/${netnsName}`, ifName: "eth0" };
  await cni.add(list, attachment, signal);
  await cni.check(list, attachment, signal);
  execFileSync("ip", ["-n", netnsName, "link", "del", "eth0"]);
  await rejects(cni.check(list, attachment, signal), { plugin: "bridge", command: "CHECK" });
  await cni.del(list, attachment, signal);
  deepEqual(await bench.leases(), []);
});

test(
  "a version that the installed plugins do not speak is told with those they do, and can be undone",
  { skip },
  async () => {
    await using bench = await openBench({ cniVersion: "1.1.0", subnet: 11 });
    const { cni, list, netnsName } = bench;
    const { supportedVersions } = await cni.version("bridge", signal);
    ok(supportedVersions.includes("1.0.0"));
    const attachment = { containerId: netnsName, netns: `/run/netns/${netnsName}`, ifName: "eth0" };
    if (supportedVersions.includes("1.1.0")) {
      await cni.status(list, signal);
      await cni.add(list, attachment, signal);
      await cni.gc(list, [], signal);
    } else {
      await rejects(cni.add(list, attachment, signal), {
        code: Code.FailedPrecondition,
        message: /the plugin speaks .*1\.0\.0/,
      });
      await cni.del(undefined, attachment, signal);
    }
    deepEqual(await bench.leases(), []);
    deepEqual(await cni.cached(), []);
  },
);

test("an ADD that is aborted at any moment leaves nothing after DEL", { skip }, async () => {
  await using bench = await openBench({ cniVersion: "1.0.0", subnet: 12 });
  const { cni, list, netnsName } = bench;
  const attachment = { containerId: netnsName, netns: `/run/netns/${netnsName}`, ifName: "eth0" };
  // A bridge whose very first ADD is killed between attaching the port and fixing its address is left with the address
  // 0 by the kernel once the port goes, and bridge 1.1.1 then refuses it for ever; so the first one may finish.
  await cni.add(list, attachment, signal);
  await cni.del(list, attachment, signal);
  let aborted = 0;
  for (const afterMs of [2, 10, 20, 30, 45, 60]) {
    await cni.add(list, attachment, AbortSignal.timeout(afterMs)).catch((reason: { code?: unknown }) => {
      equal(reason.code, Code.DeadlineExceeded);
      aborted++;
    });
    await cni.del(list, attachment, signal);
    deepEqual(await bench.leases(), [], `after ${afterMs} ms`);
    deepEqual(await cni.cached(), []);
  }
  ok(aborted > 0);
});
