import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, existsSync, mkdirSync, openSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { needsRoot, temporaryDirectory } from "../testing/host.ts";
import { MountFlag, UmountFlag } from "./flags.ts";
import { mountSync, umountSync } from "./mount-sync.ts";
import { mountsUnder } from "./mount-table.ts";
import { mount, umount } from "./mount.ts";

test("mounting and unmounting on a thread of its own gives the kernel's answer", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  mkdirSync(`${directory}/a`);
  await mount({ source: "tmpfs", target: `${directory}/a`, type: "tmpfs", flags: MountFlag.NODEV, data: "size=64k" });
  const [found] = await mountsUnder(directory);
  equal(found?.type, "tmpfs");
  ok(found.options.includes("nodev"));
  await umount(`${directory}/a`, UmountFlag.NOFOLLOW);
  deepEqual(await mountsUnder(directory), []);
  await rejects(umount(`${directory}/a`), { code: Code.InvalidArgument, message: /^unmounting ".*": EINVAL: / });
  await rejects(mount({ target: `${directory}/none`, type: "tmpfs" }), { code: Code.NotFound });
});

test("many calls at once all succeed", needsRoot, async (t) => {
  const directory = temporaryDirectory(t);
  const targets = Array.from({ length: 12 }, (_, index) => `${directory}/${index}`);
  for (const target of targets) mkdirSync(target);
  await Promise.all(targets.map((target) => mount({ target, type: "tmpfs", data: "size=64k" })));
  equal((await mountsUnder(directory)).length, targets.length);
});

const fuse = {
  skip: needsRoot.skip !== false ? needsRoot.skip : existsSync("/dev/fuse") ? false : "needs /dev/fuse",
};

test("a call that hangs in the kernel fails at its deadline, and others go on", fuse, async (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ["hung", "bind", "other"]) mkdirSync(`${directory}/${name}`);
  // A FUSE file system whose server never answers: whatever looks below its root waits until the device is closed.
  const device = openSync("/dev/fuse", constants.O_RDWR);
  let isOpen = true;
  const free = (): void => {
    if (isOpen) closeSync(device);
    isOpen = false;
  };
  t.after(free);
  const data = `fd=${device},rootmode=40000,user_id=0,group_id=0`;
  mountSync({ source: "hung", target: `${directory}/hung`, type: "fuse", data });
  const request = { source: `${directory}/hung/x`, target: `${directory}/bind`, flags: MountFlag.BIND };
  await rejects(mount(request, { timeoutMs: 300 }), { code: Code.DeadlineExceeded, message: /still blocked/ });
  await mount({ target: `${directory}/other`, type: "tmpfs", data: "size=64k" });
  free();
  umountSync(`${directory}/hung`, UmountFlag.DETACH);
});

test("a process leaves at once although a call hangs in the kernel", fuse, (t) => {
  const directory = temporaryDirectory(t);
  for (const name of ["hung", "bind"]) mkdirSync(`${directory}/${name}`);
  const script = `import { exitNow, mount, MountFlag, mountSync } from ${JSON.stringify(new URL("../index.ts", import.meta.url).href)};
    import { openSync } from "node:fs";
    const data = "rootmode=40000,user_id=0,group_id=0,fd=" + openSync("/dev/fuse", "r+");
    mountSync({ source: "hung", target: "${directory}/hung", type: "fuse", data });
    const request = { source: "${directory}/hung/x", target: "${directory}/bind", flags: MountFlag.BIND };
    await mount(request, { timeoutMs: 200 }).catch((error) => console.log(error.code));
    exitNow(7);`;
  const options = { encoding: "utf8", timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], options);
  equal(stdout.trim(), String(Code.DeadlineExceeded), stderr);
  equal(status, 7);
});
