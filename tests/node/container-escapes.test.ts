import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { runScript } from "../support/containers/run-script.ts";
import { searchCanary } from "../support/containers/search-canary.ts";
import { shimOf } from "../support/containers/shim-of.ts";
import { expectThreeDescriptors } from "../support/containers/three-descriptors.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";
import { outputOf } from "../support/run-program.ts";

const invalid = { code: Code.InvalidArgument };
test("descriptors and programs of the host stay out of containers", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const pod = await scene.node.runPod();

  await t.test(
    "containers and what is put into them have three descriptors (CVE-2024-21626, CVE-2016-9962)",
    async () => {
      await expectThreeDescriptors(scene, pod, { containers: 20, execs: 50 });
      const one = await scene.runContainer(pod);
      // With a terminal, and of PID 1 as an exec sees it.
      const tty = await scene.runContainer(pod, { change: (config) => ({ ...config, tty: true, stdin: true }) });
      for (const container of [one, tty]) {
        const { pid } = (await container.info()) as { readonly pid: number };
        for (const target of (await container.sh("readlink /proc/1/fd/*; readlink /proc/1/cwd")).trim().split("\n"))
          ok(/^(\/|\/dev\/null|\/dev\/pts\/\d+|\/dev\/tty|pipe:\[\d+\])$/.test(target), target);
        equal(readlinkSync(`/proc/${pid}/cwd`), "/");
        await container.remove();
      }
    },
  );

  await t.test("no working directory leads out of the container (CVE-2024-21626)", async () => {
    const dirs = Array.from({ length: 14 }, (_, index) => `/proc/self/fd/${index + 7}`);
    const more = [
      "/proc/1/fd/7",
      "/proc/thread-self/fd/8",
      "/dev/fd/7",
      "/proc/self/fd/../fd/7",
      "/proc/./self//fd/9/",
    ];
    for (const workingDir of [...dirs, ...more]) {
      await rejects(
        scene.createContainer(pod, { change: (config) => ({ ...config, workingDir }) }),
        invalid,
        workingDir,
      );
      const image = await scene.pull(busyboxWith([], { config: { WorkingDir: workingDir } }));
      await rejects(scene.createContainer(pod, { image }), invalid, workingDir);
    }
    const links: readonly TarEntry[] = [
      { name: "one", type: "symlink", linkname: "/proc/self/fd/7" },
      { name: "two", type: "symlink", linkname: "one" },
      { name: "proc-link", type: "symlink", linkname: "proc/self" },
      { name: "root", type: "symlink", linkname: "/proc/1/root" },
      { name: "up", type: "symlink", linkname: "../../../../../.." },
    ];
    for (const WorkingDir of ["/one", "/two", "/proc-link/fd/8", "/root", "/proc/1/cwd", "/proc/self/root"]) {
      const image = await scene.pull(busyboxWith(links, { config: { WorkingDir } }));
      await rejects(scene.createContainer(pod, { image }), invalid, WorkingDir);
    }
    const image = await scene.pull(busyboxWith(links, { config: { WorkingDir: `/up${scene.canary.dir}` } }));
    equal(await runScript(scene, pod, `${searchCanary}pwd`, { image }), `${scene.canary.dir}\n`);
    scene.expectUnharmed();
  });

  await t.test("a container that runs its runtime's own program changes nothing of it (CVE-2019-5736)", async () => {
    const shim = readlinkSync(`/proc/${shimOf(scene.node, pod.id)}/exe`);
    const programs = [shim, (await outputOf("sh", "-c", "command -v runc")).trim()];
    const hashes = (): readonly string[] =>
      programs.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));
    const before = hashes();
    const entries: readonly TarEntry[] = [
      { name: "bin/itself", mode: 0o755, content: "#!/proc/self/exe\n" },
      { name: "bin/link", type: "symlink", linkname: "/proc/self/exe" },
      {
        name: "bin/write",
        mode: 0o755,
        content: "#!/bin/sh\nwhile :; do for exe in /proc/[0-9]*/exe; do echo harmed >> $exe; done 2>/dev/null; done\n",
      },
    ];
    const image = await scene.pull(busyboxWith(entries));
    for (const command of [["/bin/itself"], ["/proc/self/exe"], ["/bin/link", "init"]]) {
      const options = { image, change: (config: object) => ({ ...config, command }) };
      // Whether it can be started at all is the runtime's affair.
      const container = await scene.createContainer(pod, options);
      await container.start().then(
        () => container.ended(30_000),
        () => undefined,
      );
      await container.remove();
      deepEqual(hashes(), before);
    }
    const writer = await scene.runContainer(pod, { image, script: "/bin/write" });
    const execs = Array.from({ length: 100 }, async (_, index) => {
      const command = [["/bin/itself"], ["/proc/self/exe", "init"], ["/bin/link"]][index % 3] ?? [];
      await writer.execSync(command).catch(() => undefined);
    });
    await Promise.all(execs);
    deepEqual(hashes(), before);
    await writer.remove();
  });
});
