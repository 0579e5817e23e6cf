import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { SupplementalGroupsPolicy } from "@crib/wire/cri";

import { busyboxWith } from "../support/containers/busybox-with.ts";
import { startContainerNode } from "../support/containers/container-node.ts";
import { runScript } from "../support/containers/run-script.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import { bytesRead } from "../support/images/bytes-read.ts";
import { watchPeakMemory } from "../support/images/peak-memory.ts";
import { sparseEntry } from "../support/images/sparse-entry.ts";
import type { TarEntry } from "../support/images/tar-archive.ts";
import { needsRoot } from "../support/needs-root.ts";

const mebibyte = 2 ** 20;
const invalid = { code: Code.InvalidArgument };
const { Merge, Strict } = SupplementalGroupsPolicy;

const accounts: readonly TarEntry[] = [
  { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:1000:2000::/home/app:/bin/sh\n" },
  { name: "etc/group", content: "root:x:0:\nwheel:x:10:root\nown:x:2000:\nextra:x:3000:other,app\nmore:x:3001:app\n" },
];

/** Who is asked for, in the request or the image, and what `id` says then. */
const users = [
  { image: "", asked: {}, uid: 0, gid: 0, merged: [0, 7, 10], strict: [0, 7] },
  { image: "app", asked: {}, uid: 1000, gid: 2000, merged: [7, 2000, 3000, 3001], strict: [7, 2000] },
  {
    image: "root",
    asked: { runAsUser: { value: 1000n }, runAsGroup: { value: 500n } },
    uid: 1000,
    gid: 500,
    merged: [7, 500, 3000, 3001],
    strict: [7, 500],
  },
  { image: "", asked: { runAsUser: { value: 4242n } }, uid: 4242, gid: 0, merged: [0, 7], strict: [0, 7] },
  {
    image: "",
    asked: { runAsUsername: "app" },
    uid: 1000,
    gid: 2000,
    merged: [7, 2000, 3000, 3001],
    strict: [7, 2000],
  },
  { image: "4242:extra", asked: {}, uid: 4242, gid: 3000, merged: [7, 3000], strict: [7, 3000] },
] as const;

/** Texts that some program takes for the number 0, or for no number at all (CVE-2024-40635). */
const numbers = ["2147483648", "4294967296", "99999999999", "0x0", "1e3", "65536junk", "-1", "+0", "00", "0 ", "1.0"];

test("users and groups of containers", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { pull } = scene;
  const pod = await scene.node.runPod();

  for (const { image, asked, uid, gid, merged, strict } of users) {
    for (const policy of [Merge, Strict]) {
      const name = `user ${JSON.stringify(image)} ${Object.keys(asked).join()} ${policy === Merge ? "Merge" : "Strict"}`;
      await t.test(`${name} (CVE-2022-2995, CVE-2022-36109)`, async () => {
        const change = withSecurity({ ...asked, supplementalGroups: [7n], supplementalGroupsPolicy: policy });
        const user = await pull(busyboxWith(accounts, { config: { User: image } }));
        const container = await scene.runContainer(pod, { image: user, change });
        const groups = policy === Merge ? merged : strict;
        // What PID 1 is, and what an exec is.
        const [first = "", own = "", ids = ""] = (
          await container.sh("cat /proc/1/status; echo ===; cat /proc/self/status; echo ===; id -G")
        ).split("===\n");
        for (const status of [first, own]) {
          match(status, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, "m"));
          match(status, new RegExp(`^Gid:\\t${gid}\\t${gid}\\t${gid}\\t${gid}$`, "m"));
          deepEqual(numbersIn(/^Groups:(.*)$/m.exec(status)?.[1] ?? ""), groups);
        }
        deepEqual(numbersIn(ids), groups);
        const { linux } = (await container.status()).user ?? {};
        deepEqual([linux?.uid, linux?.gid], [BigInt(uid), BigInt(gid)]);
        deepEqual(numbersIn(linux?.supplementalGroups.join(" ") ?? ""), groups);
        await container.remove();
      });
    }
  }

  await t.test("a number that is none is never a user, nor a name of one (CVE-2024-40635)", async () => {
    const lines = numbers.map((name) => `${name}:x:0:0::/:/bin/sh\n`).join("");
    const entries = [
      { name: "etc/passwd", content: lines },
      { name: "etc/group", content: numbers.map((name) => `${name}:x:0:\n`).join("") },
    ];
    for (const user of [...numbers, "2147483648:1", ...numbers.map((group) => `1000:${group}`)]) {
      const image = await pull(busyboxWith(entries, { config: { User: user } }));
      await rejects(scene.createContainer(pod, { image }), invalid, user);
    }
    const image = await pull(busyboxWith(entries));
    for (const runAsUsername of numbers)
      await rejects(scene.createContainer(pod, { image, change: withSecurity({ runAsUsername }) }), invalid);
    for (const value of [-1n, 2n ** 31n, 2n ** 32n, 2n ** 63n - 1n]) {
      for (const change of [
        withSecurity({ runAsUser: { value } }),
        withSecurity({ runAsUser: { value: 1n }, runAsGroup: { value } }),
        withSecurity({ supplementalGroups: [value] }),
      ])
        await rejects(scene.createContainer(pod, { image, change }), invalid);
    }
    deepEqual((await scene.node.cri.runtime.listContainers({})).containers, []);
  });

  await t.test("an entry whose own numbers are none is no entry", async () => {
    const content = "app:x::0::/:\napp:x:0x0:0::/:\napp:x:4294967296:0::/:\napp:x:-0:0::/:\n";
    const image = await pull(busyboxWith([{ name: "etc/passwd", content }], { config: { User: "app" } }));
    await rejects(scene.createContainer(pod, { image }), invalid);
  });

  await t.test("what is no list of users is not read (CVE-2026-47262, CVE-2025-4437, CVE-2026-61801)", async () => {
    const line = Buffer.alloc(64 * mebibyte, "a");
    const begin = { offset: 0, content: "root:x:0:0::/:/bin/sh\n" };
    const up = "../".repeat(24);
    // The canary's file has a line for root.
    const files = (name: string): Readonly<Record<string, TarEntry>> => ({
      "4 GiB, all but a line a hole": sparseEntry(name, 4096 * mebibyte, [begin]),
      "a line of 1 GiB": sparseEntry(name, 1024 * mebibyte, [
        { offset: 0, content: "root:x:0:0:" },
        { offset: 1024 * mebibyte - 1, content: "\n" },
      ]),
      "a line of 64 MiB": { name, content: line },
      "a FIFO": { name, type: "fifo" },
      "/dev/zero": { name, type: "character", major: 1, minor: 5 },
      "a directory": { name, type: "directory" },
      "a link to the host": { name, type: "symlink", linkname: scene.canary.file },
      "a link up to the host": { name, type: "symlink", linkname: `${up}${scene.canary.file.slice(1)}` },
      "a link to nothing": { name, type: "symlink", linkname: "nothing" },
      "a link to a process": { name, type: "symlink", linkname: "/proc/self/root/etc/passwd" },
    });
    const { pid } = scene.node.daemon;
    for (const [index, path] of ["etc/passwd", "etc/group"].entries()) {
      for (const [what, file] of Object.entries(files(path))) {
        const entries = [...accounts.filter((_, other) => other !== index), file];
        const image = await pull(busyboxWith(entries, { config: { User: "root:root" } }));
        const memory = watchPeakMemory(pid);
        const before = bytesRead(pid);
        const refused = { ...invalid, message: what.includes("iB") ? /larger than 1048576 bytes/ : /./ };
        await rejects(scene.createContainer(pod, { image }), refused, `${path} is ${what}`);
        const growth = memory.growth();
        ok(growth < 16, `${path} is ${what}: ${growth} MiB`);
        // What is read tells how long it can take, on a machine of any speed.
        const read = (bytesRead(pid) - before) / mebibyte;
        ok(read < 8, `${path} is ${what}: ${read} MiB read`);
        await scene.images.remove(image);
      }
    }
    scene.expectUnharmed();
  });

  await t.test("no text becomes a line of /etc/passwd (CVE-2026-15809, CVE-2022-4318)", async () => {
    const evil = "evil::0:0::/:/bin/sh";
    const before = await runScript(scene, pod, "cat /etc/passwd /etc/group");
    for (const end of ["\n", "\r", ":", "\r\n"]) {
      const change = { envs: [{ key: "HOME", value: Buffer.from(`/x${end}${evil}`) }] };
      const options = { change: (config: object) => ({ ...config, ...change }) };
      equal(await runScript(scene, pod, "cat /etc/passwd /etc/group", options), before, JSON.stringify(end));
    }
    const image = await pull(
      busyboxWith([], { config: { Env: [`HOME=/x\n${evil}`, "PATH=/bin"], WorkingDir: `/x\n${evil}` } }),
    );
    equal(await runScript(scene, pod, "cat /etc/passwd /etc/group", { image }), before);
    const refused = [
      { envs: [{ key: "HOME", value: Buffer.from("/x\0y") }] },
      { workingDir: `/x\n${evil}` },
      { workingDir: "/x\ry" },
    ];
    for (const more of refused) {
      const options = { change: (config: object) => ({ ...config, ...more }) };
      await rejects(scene.createContainer(pod, options), invalid);
    }
    for (const user of [`app\n${evil}`, "app\r", `root:${evil}`]) {
      const hostile = await pull(busyboxWith(accounts, { config: { User: user } }));
      await rejects(scene.createContainer(pod, { image: hostile }), invalid);
    }
    await rejects(scene.createContainer(pod, { change: withSecurity({ runAsUsername: `app\n${evil}` }) }), invalid);
  });

  await t.test("HOME is the user's own, unless the container says another", async () => {
    const image = await pull(busyboxWith(accounts, { config: { User: "app" } }));
    equal(await runScript(scene, pod, "echo $HOME", { image }), "/home/app\n");
    const envs = [{ key: "HOME", value: Buffer.from("/elsewhere") }];
    const other = await runScript(scene, pod, "echo $HOME", { image, change: (config) => ({ ...config, envs }) });
    equal(other, "/elsewhere\n");
  });
});

function numbersIn(text: string): readonly number[] {
  return [...text.matchAll(/\d+/g)].map(([number]) => Number(number)).toSorted((a, b) => a - b);
}
