import { doesNotThrow, equal, rejects, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { Mount } from "@crib/linux";

import { containerMounts } from "./container-mounts.ts";
import { checkPropagation } from "./propagation.ts";
import { mountRequest, MountScene, needsRoot } from "./testing/mount-scene.ts";

function mount(mountPoint: string, ...propagation: readonly string[]): Mount {
  return { mountPoint, propagation } as unknown as Mount;
}

const table = [
  mount("/", "shared:1"),
  mount("/private"),
  mount("/slave", "master:1"),
  mount("/both", "shared:2", "master:1"),
  mount("/stacked", "shared:3"),
  mount("/stacked"),
];

const cases: readonly (readonly [path: string, towards: boolean, both: boolean])[] = [
  ["/", true, true],
  ["/a/b", true, true],
  ["/private", false, false],
  ["/private/x", false, false],
  ["/privateer", true, true],
  ["/slave/x", true, false],
  ["/both/x", true, true],
  ["/stacked", false, false],
];

test("propagation needs a mount that has it", () => {
  for (const [path, towards, both] of cases) {
    for (const [propagation, isAllowed] of [
      ["private", true],
      ["host-to-container", towards],
      ["bidirectional", both],
    ] as const) {
      const check = (): void => checkPropagation(propagation, path, table);
      if (isAllowed) doesNotThrow(check, `${path} ${propagation}`);
      else throws(check, { code: Code.FailedPrecondition, message: new RegExp(`"${path}"`) }, `${path} ${propagation}`);
    }
  }
  throws(() => checkPropagation("bidirectional", "/a", []), { code: Code.FailedPrecondition });
});

test("real mounts: the root's propagation is the most that a mount asks for", needsRoot, async (t) => {
  const scene = new MountScene(t);
  const dirs = ["shared", "slave", "private"].map((name) => scene.directory(name));
  const [shared = "", slave = "", unshared = ""] = dirs;
  execFileSync("mount", ["-t", "tmpfs", "--make-shared", "crib-test", shared]);
  execFileSync("mount", ["--bind", "--make-slave", shared, slave]);
  execFileSync("mount", ["-t", "tmpfs", "--make-private", "crib-test", unshared]);
  const propagation = async (...mounts: readonly (readonly [string, "host-to-container" | "bidirectional"])[]) => {
    const requests = mounts.map(([path, kind], index) => mountRequest(path, `/m${index}`, { propagation: kind }));
    const made = await containerMounts(scene.input({ plan: { mounts: requests } }));
    return `${made.rootfsPropagation} ${made.mounts.find(({ destination }) => destination === "/m0")?.options?.[1]}`;
  };
  equal(await propagation([shared, "bidirectional"]), "shared rshared");
  equal(await propagation([slave, "host-to-container"]), "slave rslave");
  equal(await propagation([slave, "host-to-container"], [shared, "bidirectional"]), "shared rslave");
  for (const [path, kind] of [
    [slave, "bidirectional"],
    [unshared, "host-to-container"],
    [unshared, "bidirectional"],
  ] as const) {
    await rejects(propagation([path, kind]), { code: Code.FailedPrecondition });
  }
});
