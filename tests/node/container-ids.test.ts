import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { Code, type StatusError } from "@crib/errdefs";
import { NamespaceMode } from "@crib/wire/cri";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { withSecurity } from "../support/containers/with-security.ts";
import { eventually } from "../support/eventually.ts";
import { needsRoot } from "../support/needs-root.ts";

const invalid = { code: Code.InvalidArgument };

/** Fails unless a call says that there is no such thing, or that it cannot be. */
function isNoId(reason: StatusError): boolean {
  ok(reason.code === Code.NotFound || reason.code === Code.InvalidArgument, `${reason.code} ${reason.message}`);
  return true;
}

test("no text of a request becomes a path that it should not", needsRoot, async (t) => {
  const scene = await startContainerNode(t);
  const { node, canary } = scene;
  const { runtime } = node.cri;
  const pod = await node.runPod();
  const container = await scene.runContainer(pod);
  const up = "../".repeat(24);

  await t.test("no id but one that crib gave leads anywhere (GHSA-x7pf-2jmj-pgcq)", async () => {
    const ids = [
      `${up}${canary.dir.slice(1)}`,
      canary.dir,
      `../../${container.id}`,
      `${container.id}/../x`,
      `${container.id}/`,
      `${container.id}\0`,
      `${container.id} `,
      `-${container.id}`,
      `${container.id}${container.id}`,
      container.id.toUpperCase(),
      pod.id,
      "..",
      ".",
      "*",
      "%2e%2e",
      "__proto__",
      "x".repeat(300),
      "f".repeat(64),
      "\n",
    ];
    for (const containerId of ids) {
      const cmd = ["true"];
      const calls = [
        () => runtime.startContainer({ containerId }),
        () => runtime.containerStatus({ containerId, verbose: true }),
        () => runtime.containerStats({ containerId }),
        () => runtime.updateContainerResources({ containerId, linux: { cpuShares: 2n } }),
        () => runtime.reopenContainerLog({ containerId }),
        () => runtime.execSync({ containerId, cmd }),
        () => runtime.exec({ containerId, cmd, stdout: true }),
        () => runtime.attach({ containerId, stdout: true }),
        () => runtime.checkpointContainer({ containerId, location: join(node.lane.dir, "checkpoint.tar") }),
        () => runtime.portForward({ podSandboxId: containerId === pod.id ? "x" : containerId, port: [80] }),
        () => {
          const namespaceOptions = { pid: NamespaceMode.TARGET, targetId: containerId };
          return scene.createContainer(pod, { change: withSecurity({ namespaceOptions }) });
        },
        () => scene.createContainer({ ...pod, id: containerId === pod.id ? container.id : containerId }),
      ];
      for (const [index, call] of calls.entries()) await rejects(call(), isNoId, `call ${index} with "${containerId}"`);
      for (const id of [containerId]) {
        if (id !== pod.id) deepEqual((await runtime.listContainers({ filter: { podSandboxId: id } })).containers, []);
        deepEqual((await runtime.listContainers({ filter: { id } })).containers, []);
        deepEqual((await runtime.listContainerStats({ filter: { id } })).stats, []);
      }
      // Both succeed on what is not there.
      await runtime.stopContainer({ containerId });
      await runtime.removeContainer({ containerId });
      scene.expectUnharmed();
    }
    equal(await container.sh("echo lives"), "lives\n");
    await rejects(runtime.containerStatus({ containerId: "" }), invalid);
    ok(!existsSync(join(node.lane.dir, "checkpoint.tar")));
  });

  await t.test("no name of a container, an image or a device does", async () => {
    const wrong: Readonly<Record<string, object>> = {
      "a name with a slash": { metadata: { name: "../x", attempt: 0 } },
      "no name": { metadata: { name: "", attempt: 0 } },
      "a name with a line feed": { metadata: { name: "a\nb", attempt: 0 } },
      "a name of 300 letters": { metadata: { name: "a".repeat(300), attempt: 0 } },
      "an image by a path": { image: { image: canary.dir } },
      "an image by a way up": { image: { image: `${up}x` } },
      "no image": { image: { image: "" } },
      "a device by a way up": {
        devices: [{ containerPath: "/dev/x", hostPath: "/dev/../etc/passwd", permissions: "rwm" }],
      },
      "a device in a relative place": { devices: [{ containerPath: "x", hostPath: "/dev/null", permissions: "r" }] },
      "a CDI device that is a path": { CDIDevices: [{ name: `vendor.com/class=${up}x` }] },
      "a cgroup file that is a path": { linux: { resources: { unified: { "../memory.max": "1" } } } },
    };
    for (const [what, more] of Object.entries(wrong)) {
      const change = (config: ContainerConfig): ContainerConfig => ({ ...config, ...more });
      await rejects(scene.createContainer(pod, { change }), isNoId, what);
    }
    scene.expectUnharmed();
  });

  await t.test("a log stays where it was asked for (CVE-2025-0750)", async () => {
    for (const logPath of [
      "/etc/x.log",
      "../x.log",
      "a/../../x.log",
      "a//b.log",
      "./x.log",
      "..",
      "a/",
      "a\0b",
      "a\nb",
    ]) {
      const change = (config: ContainerConfig): ContainerConfig => ({ ...config, logPath });
      await rejects(scene.createContainer(pod, { change }), invalid, logPath);
    }
    const directory = pod.config.logDirectory ?? "";
    const links = { "file.log": canary.file, "deep/app.log": join(canary.subdir, "victim"), "device.log": "/dev/null" };
    for (const [logPath, target] of Object.entries(links)) {
      const place = join(directory, logPath);
      mkdirSync(dirname(place), { recursive: true });
      rmSync(place, { force: true });
      symlinkSync(target, place);
      const change = (config: ContainerConfig): ContainerConfig => ({ ...config, logPath });
      const refused = await scene.createContainer(pod, { script: "echo harmed", change });
      await rejects(refused.start());
      await refused.remove();
      scene.expectUnharmed();
    }
  });

  await t.test("a directory of a log that turns into a link is not followed", async () => {
    const directory = pod.config.logDirectory ?? "";
    symlinkSync(canary.dir, join(directory, "turned"));
    const change = (config: ContainerConfig): ContainerConfig => ({ ...config, logPath: "turned/new.log" });
    const refused = await scene.createContainer(pod, { script: "echo harmed", change });
    await rejects(refused.start());
    await refused.remove();
    scene.expectUnharmed();
  });

  await t.test("a log that is opened anew is not one that somebody put a link to in its place", async () => {
    const writer = await scene.runContainer(pod, { name: "writer", script: "while :; do echo tick; sleep 0.1; done" });
    const { logPath } = await writer.status();
    await eventually(10_000, () => match(readFileSync(logPath, "utf8"), /tick/));
    equal(statSync(logPath).mode & 0o7777, 0o640);
    rmSync(logPath);
    symlinkSync(canary.file, logPath);
    await rejects(runtime.reopenContainerLog({ containerId: writer.id }), { code: Code.FailedPrecondition });
    scene.expectUnharmed();
    rmSync(logPath);
    await runtime.reopenContainerLog({ containerId: writer.id });
    await eventually(10_000, () => match(readFileSync(logPath, "utf8"), /tick/));
    await writer.remove();
  });
});
