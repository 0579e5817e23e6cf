import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { CgroupDriver } from "@crib/wire/cri";

import { needsRoot } from "../support/needs-root.ts";
import { startNode } from "../support/start-node.ts";

test("what crib says of itself, and of a node without containers", needsRoot, async (t) => {
  const node = await startNode(t);
  const { runtime, image: images } = node.cri;

  await t.test("Version names crib and the CRI's version", async () => {
    const { runtimeName, runtimeVersion, runtimeApiVersion } = await runtime.version({});
    equal(runtimeName, "crib");
    match(runtimeVersion, /^\d+\.\d+\.\d+/);
    equal(runtimeApiVersion, "v1");
  });

  await t.test("Status is ready, with the handlers that are configured", async () => {
    const { status, runtimeHandlers } = await runtime.status({});
    deepEqual(
      status?.conditions.map(({ type, status }) => [type, status]),
      [
        ["RuntimeReady", true],
        ["NetworkReady", true],
      ],
    );
    // The empty name stands for the default one, as the kubelet looks it up.
    deepEqual(runtimeHandlers.map(({ name }) => name).toSorted(), ["", "paused", "runc"]);
  });

  await t.test("verbose Status has configuration and networks", async () => {
    const { info } = await runtime.status({ verbose: true });
    match(info["config"] ?? "", new RegExp(node.root));
    match(info["cniconfig"] ?? "", new RegExp(node.lane.bridge));
    equal(info["lastCNILoadStatus"], "OK");
  });

  await t.test("RuntimeConfig tells the cgroup driver", async () => {
    equal((await runtime.runtimeConfig({})).linux?.cgroupDriver, CgroupDriver.CGROUPFS);
  });

  await t.test("UpdateRuntimeConfig takes pod networks and refuses what is none", async () => {
    await runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.1.0.0/16,fd00::/64" } } });
    await runtime.updateRuntimeConfig({});
    const wrong = runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.1.0.0/99" } } });
    await rejects(wrong, { code: Code.InvalidArgument });
  });

  await t.test("lists of containers and images are empty", async () => {
    deepEqual((await runtime.listContainers({})).containers, []);
    deepEqual((await runtime.listContainerStats({})).stats, []);
    deepEqual((await images.listImages({})).images, []);
    for await (const { containers } of runtime.streamContainers({})) deepEqual(containers, []);
    for await (const { images: some } of images.streamImages({})) deepEqual(some, []);
  });

  await t.test("an unknown container is NotFound where it is asked for, and success where it should go", async () => {
    const containerId = "a".repeat(64);
    await rejects(runtime.containerStatus({ containerId }), { code: Code.NotFound });
    await rejects(runtime.containerStats({ containerId }), { code: Code.NotFound });
    await runtime.stopContainer({ containerId, timeout: 1n });
    await runtime.removeContainer({ containerId });
  });

  await t.test("an image that is not there has an empty status, and can be removed", async () => {
    equal((await images.imageStatus({ image: { image: "busybox:latest" } })).image, undefined);
    await images.removeImage({ image: { image: "busybox:latest" } });
  });

  await t.test("ImageFsInfo tells of the file system that holds the root directory", async () => {
    const { imageFilesystems, containerFilesystems } = await images.imageFsInfo({});
    equal(imageFilesystems.length, 1);
    equal(containerFilesystems.length, 1);
    ok((imageFilesystems[0]?.usedBytes?.value ?? -1n) >= 0n);
    ok(Date.now() - Number((imageFilesystems[0]?.timestamp ?? 0n) / 1_000_000n) < 600_000);
    ok(node.root.startsWith(imageFilesystems[0]?.fsId?.mountpoint ?? "nowhere"));
  });

  await t.test("what needs a container or an image that is not there is NotFound", async () => {
    const pod = await node.runPod();
    const calls = [
      runtime.createContainer({
        podSandboxId: pod.id,
        config: { metadata: { name: "a" }, image: { image: "busybox" } },
        sandboxConfig: pod.config,
      }),
      runtime.execSync({ containerId: "a".repeat(64), cmd: ["true"], timeout: 1n }),
    ];
    await Promise.all(calls.map((call) => rejects(call, { code: Code.NotFound })));
  });
});
