import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { mountRequest, MountScene } from "./testing/mount-scene.ts";
import { makeRootfs, needsRunc, runContainer, runtimes } from "./testing/run-container.ts";

const able = { runtimes: { runc: { recursiveReadOnlyMounts: true, idmappedMounts: true } } };

function tmpfs(path: string, ...options: readonly string[]): void {
  execFileSync("mount", ["-t", "tmpfs", ...options, "crib-test", path]);
}

function mapsIds(runtime: string): boolean {
  const features = JSON.parse(execFileSync(runtime, ["features"], { encoding: "utf8" })) as {
    readonly linux?: { readonly mountExtensions?: { readonly idmap?: { readonly enabled?: boolean } } };
  };
  return features.linux?.mountExtensions?.idmap?.enabled === true;
}

for (const runtime of runtimes) {
  test(`${runtime}: mounts are as asked for`, needsRunc, async (t) => {
    const scene = new MountScene(t);
    tmpfs(scene.directory("host"));
    tmpfs(scene.directory("host/sub"));
    writeFileSync(scene.path("file"), "file");
    const mounts = [
      mountRequest(scene.path("host"), "/rw"),
      mountRequest(scene.path("host"), "/ro", { readonly: true }),
      mountRequest(scene.path("host"), "/rro", { readonly: true, recursiveReadOnly: true }),
      mountRequest(scene.path("file"), "/etc/hosts", { readonly: true }),
      mountRequest(scene.path("new"), "/deep/er/new"),
    ];
    const script = `
      cat /etc/hostname /etc/hosts /etc/resolv.conf; echo
      for f in /rw/a /rw/sub/a /ro/a /ro/sub/a /rro/a /rro/sub/a /deep/er/new/a /dev/shm/a /etc/hostname /etc/hosts; do
        touch $f 2>/dev/null && echo can $f || echo cannot $f
      done
      mkdir /sys/fs/cgroup/*/a 2>/dev/null && echo can cgroup; ls -d /dev/pts/ptmx /dev/mqueue /sys/class /proc/self >/dev/null && echo all`;
    const { output } = await runContainer(runtime, scene.input({ plan: { mounts }, features: able }), script);
    deepEqual(output.trim().split("\n"), [
      "hostnamefileresolv.conf",
      "can /rw/a",
      "can /rw/sub/a",
      "cannot /ro/a",
      "can /ro/sub/a",
      "cannot /rro/a",
      "cannot /rro/sub/a",
      "can /deep/er/new/a",
      "can /dev/shm/a",
      "can /etc/hostname",
      "cannot /etc/hosts",
      "all",
    ]);
    ok(existsSync(scene.path("new/a")));
    ok(existsSync(scene.path("sandbox/shm/a")), "shared memory is the pod's");
  });

  test(`${runtime}: mounts propagate as asked for, and no others`, needsRunc, async (t) => {
    const scene = new MountScene(t);
    // Apart from the host's own mounts.
    tmpfs(scene.dir, "--make-private");
    tmpfs(scene.directory("shared"), "--make-shared");
    makeRootfs(scene.path("rootfs"));
    scene.directory("sandbox/shm");
    for (const name of ["to", "both", "none"]) scene.directory(`shared/${name}/inner`);
    const mounts = [
      mountRequest(scene.path("shared/to"), "/to", { propagation: "host-to-container" }),
      mountRequest(scene.path("shared/both"), "/both", { propagation: "bidirectional" }),
      mountRequest(scene.path("shared/none"), "/none"),
    ];
    const script = `
      mkdir -p /both/own /to/own /none/own
      for d in /both /to /none; do mount -t tmpfs crib-test $d/own && touch $d/own/seen; done
      echo ready; for i in 1 2 3 4 5 6 7 8 9 10; do [ -e /to/inner/late ] && break; sleep 0.1; done
      for d in /both /to /none; do [ -e $d/inner/late ] && echo late $d; done; true`;
    const seen: string[] = [];
    const { output } = await runContainer(runtime, scene.input({ plan: { mounts } }), script, () => {
      for (const name of ["to", "both", "none"]) {
        if (existsSync(scene.path(`shared/${name}/own/seen`))) seen.push(name);
        tmpfs(scene.path(`shared/${name}/inner`));
      }
      for (const name of ["none", "both", "to"]) writeFileSync(scene.path(`shared/${name}/inner/late`), "");
    });
    deepEqual(output.trim().split("\n"), ["ready", "late /both", "late /to"]);
    deepEqual(seen, ["both"]);
  });

  test(`${runtime}: devices are there and usable as asked for, others are not`, needsRunc, async (t) => {
    const scene = new MountScene(t);
    // Nothing drives it, which shows only once the device cgroup has let it through.
    execFileSync("mknod", [scene.path("node"), "c", "240", "77"]);
    const devices = [{ hostPath: scene.path("node"), containerPath: "/dev/own", permissions: "r" }];
    const script = `
      (: < /dev/own) 2>&1; (: > /dev/own) 2>&1; mknod /tmp/other c 240 78; (: < /tmp/other) 2>&1
      mount | grep -c 'sysfs.*[(,]ro[,)]'; : > /dev/null && echo null`;
    const { output } = await runContainer(runtime, scene.input({ plan: { devices } }), script);
    deepEqual(
      output
        .trim()
        .split("\n")
        .map((line) => line.replace(/.*: /, "")),
      ["No such device or address", "Operation not permitted", "Operation not permitted", "1", "null"],
    );
    const privileged = scene.input({ security: { privileged: true } });
    const all = await runContainer(
      runtime,
      privileged,
      "ls /dev/null; mount | grep -c 'sysfs.*[(,]rw[,)]'; mount | grep -c 'cgroup.*[(,]ro[,)]'",
    );
    deepEqual(all.output.trim().split("\n"), ["/dev/null", "1", "0"]);
  });

  test(`${runtime}: an image whose directories are links leads nothing onto the host`, needsRunc, async (t) => {
    const scene = new MountScene(t);
    const host = scene.directory("host");
    for (const name of ["etc", "dev", "sys", "proc", "var", "deep"]) {
      for (const target of [host, `../../../../../..${host}`]) {
        execFileSync("rm", ["-rf", scene.path("rootfs")]);
        makeRootfs(scene.path("rootfs"));
        symlinkSync(target, scene.path(`rootfs/${name}`));
        const mounts = [mountRequest(scene.directory("source"), "/deep/er"), mountRequest("/etc/hostname", "/var/x/y")];
        const run = runContainer(runtime, scene.input({ plan: { mounts } }), "ls /");
        if (["dev", "proc", "sys"].includes(name)) await rejects(run, { code: Code.InvalidArgument });
        else await run;
        deepEqual(readdirSync(host), [], `${name} -> ${target}`);
      }
    }
  });

  test(`${runtime}: a user namespace has its mounts and devices`, needsRunc, async (t) => {
    const scene = new MountScene(t);
    const ids = [{ containerId: 0, hostId: 300_000, length: 65_536 }];
    const sandbox = { userNamespace: { uids: ids, gids: ids } };
    makeRootfs(scene.path("rootfs"));
    execFileSync("chown", ["-hR", "300000:300000", scene.path("rootfs")]);
    // What the pod's shared memory belongs to.
    execFileSync("chown", ["300000:300000", scene.path("sandbox/shm")]);
    execFileSync("chmod", ["-R", "a+rX", scene.dir]);
    writeFileSync(scene.directory("host") + "/x", "");
    const canMap = mapsIds(runtime);
    const mapped = canMap ? { idMappings: sandbox.userNamespace } : {};
    const mounts = [mountRequest(scene.path("host"), "/host"), mountRequest(scene.path("host"), "/mapped", mapped)];
    const features = canMap ? able : {};
    const script = `cat /etc/hosts; echo; stat -c %u /host/x /mapped/x /dev/shm; (: >> /etc/hosts) 2>/dev/null && echo own hosts; ls -d /sys/class /dev/mqueue /proc/self /dev/pts/ptmx; : > /dev/null && echo null`;
    const { output, code } = await runContainer(runtime, scene.input({ sandbox, features, plan: { mounts } }), script);
    equal(code, 0, output);
    deepEqual(output.trim().split("\n"), [
      "hosts",
      "65534",
      ...(canMap ? ["0", "0", "own hosts"] : ["65534", "0"]),
      "/dev/mqueue",
      "/dev/pts/ptmx",
      "/proc/self",
      "/sys/class",
      "null",
    ]);
  });
}
