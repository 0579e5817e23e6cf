import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { type StatusError, Code } from "@crib/errdefs";

import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";
import { networkList } from "../support/network-config.ts";
import { startNode } from "../support/start-node.ts";

test(
  "a CNI configuration cannot name a program outside the plugin directories (CVE-2021-20206)",
  needsRoot,
  async (t) => {
    const node = await startNode(t, { plugins: () => [] });
    // Would any of these be run with the configuration on its input, this file would be made.
    const canary = join(node.lane.dir, "canary");
    for (const type of ["../../bin/sh", "/bin/sh", "a/b", ".", "..", "", "bridge\0", "..\\..\\bin\\sh"]) {
      await t.test(`type ${JSON.stringify(type)}`, async () => {
        const list = networkList(node.lane, [{ type, "-c": `touch ${canary}` }]);
        writeFileSync(join(node.cniConfDir, "10-pods.conflist"), list);
        await eventually(10_000, async () => {
          await rejects(node.runPod(), (reason: StatusError) => {
            ok(
              [Code.Unavailable, Code.InvalidArgument, Code.NotFound].some((code) => code === reason.code),
              `${reason.code} ${reason.message}`,
            );
            return true;
          });
        });
        equal(existsSync(canary), false);
        deepEqual(await node.leftovers(), []);
      });
    }
  },
);

test("the veth of a pod on the host takes no router advertisements (CVE-2020-10749)", needsRoot, async (t) => {
  if (!existsSync("/proc/sys/net/ipv6")) return t.skip("this kernel has no IPv6");
  const node = await startNode(t);
  const pod = await node.runPod();
  const [result] = (await pod.info()).cniResult as readonly {
    readonly interfaces: readonly { readonly name: string; readonly sandbox?: string }[];
  }[];
  const hostSide = (result?.interfaces ?? []).filter(({ sandbox }) => !sandbox).map(({ name }) => name);
  equal(hostSide.length, 2, "bridge and veth");
  for (const name of hostSide) {
    const setting = (key: string): string => readFileSync(`/proc/sys/net/ipv6/conf/${name}/${key}`, "utf8").trim();
    // Forwarding turns accept_ra=1 off (Documentation/networking/ip-sysctl); only 2 takes advertisements nevertheless.
    const takes = setting("accept_ra") === "2" || (setting("accept_ra") === "1" && setting("forwarding") === "0");
    equal(takes && setting("disable_ipv6") === "0", false, name);
  }
});
