import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { DeviceRule, LinuxDevice } from "@crib/oci-spec";

import { MountScene, needsRoot, type SceneChanges } from "../mounts/testing/mount-scene.ts";
import { containerDevices } from "./container-devices.ts";
import { deviceNumber } from "./device-number.ts";

function request(hostPath: string, containerPath = "/dev/x", permissions = "rwm") {
  return { hostPath, containerPath, permissions };
}

async function devices(
  scene: MountScene,
  changes: SceneChanges,
): Promise<{ devices: readonly LinuxDevice[]; rules: readonly DeviceRule[] }> {
  return await containerDevices(scene.input(changes));
}

test("without a request there are only the devices that every container has", async (t) => {
  const { devices: nodes, rules } = await devices(new MountScene(t), {});
  deepEqual(nodes, []);
  deepEqual(rules[0], { allow: false, access: "rwm" });
  ok(rules.slice(1).every(({ allow, type, major }) => allow && type === "c" && major !== undefined));
});

test(
  "a device is a node and a rule; links are resolved, a directory stands for all devices below it",
  needsRoot,
  async (t) => {
    const scene = new MountScene(t);
    const dir = scene.directory("dev/sub");
    execFileSync("mknod", ["-m", "640", scene.path("dev/one"), "c", "10", "200"]);
    execFileSync("mknod", ["-m", "600", scene.path("dev/sub/two"), "b", "259", "300000"]);
    execFileSync("chown", ["7:8", scene.path("dev/one")]);
    writeFileSync(scene.path("dev/sub/file"), "");
    symlinkSync("/dev/null", scene.path("dev/sub/link"));
    symlinkSync("one", scene.path("dev/alias"));
    const one = { path: "/dev/x", type: "c", major: 10, minor: 200, fileMode: 0o640, uid: 7, gid: 8 } as const;
    const two = { path: "/d/two", type: "b", major: 259, minor: 300_000, fileMode: 0o600, uid: 0, gid: 0 } as const;
    const asked = [request(scene.path("dev/alias"), "/dev/x", "mr"), request(dir, "/d", "rw")];
    const { devices: nodes, rules } = await devices(scene, { plan: { devices: asked } });
    deepEqual(nodes, [one, two]);
    deepEqual(rules.slice(-2), [
      { allow: true, type: "c", major: 10, minor: 200, access: "mr" },
      { allow: true, type: "b", major: 259, minor: 300_000, access: "rw" },
    ]);
    const all = await devices(scene, { plan: { devices: [request(scene.path("dev"), "/d")] } });
    deepEqual(all.devices.map(({ path }) => path).toSorted(), ["/d/one", "/d/sub/two"]);
    const twice = [request("/dev/null"), request("/dev/zero")];
    deepEqual(
      (await devices(scene, { plan: { devices: twice } })).devices.map(({ minor }) => minor),
      [5],
    );
  },
);

test("what is no device is refused, naming it", async (t) => {
  const scene = new MountScene(t);
  writeFileSync(scene.path("file"), "");
  const cases: readonly (readonly [ReturnType<typeof request>, Code])[] = [
    [request(scene.path("file")), Code.InvalidArgument],
    [request(scene.path("none")), Code.NotFound],
    [request("dev/null"), Code.InvalidArgument],
    [request("/dev/null", "relative"), Code.InvalidArgument],
    [request("/dev/null", "/a/../b"), Code.InvalidArgument],
    [request("/dev/null", "/dev/x", ""), Code.InvalidArgument],
    [request("/dev/null", "/dev/x", "rwx"), Code.InvalidArgument],
    [request("/dev/null", "/dev/x", "rr"), Code.InvalidArgument],
  ];
  for (const [each, code] of cases) {
    await rejects(devices(scene, { plan: { devices: [each] } }), (error: Error & { code: Code }) => {
      equal(error.code, code, error.message);
      ok(error.message.includes(each.hostPath), error.message);
      return true;
    });
  }
});

test("a privileged container has the host's devices and may use all, unless the configuration says otherwise", async (t) => {
  const scene = new MountScene(t);
  const security = { privileged: true };
  const { devices: nodes, rules } = await devices(scene, { security });
  const paths = new Set(nodes.map(({ path }) => path));
  ok(paths.has("/dev/null") && paths.has("/dev/zero"));
  ok(nodes.every(({ path }) => !/^\/dev\/(pts|shm|mqueue|fd)\/|^\/dev\/console$/.test(path)));
  deepEqual(rules, [{ allow: true, access: "rwm" }]);
  const more = await devices(scene, { security, plan: { devices: [request("/dev/null", "/dev/other")] } });
  ok(more.devices.some(({ path }) => path === "/dev/other"));
  const without = { security, options: { privilegedWithoutHostDevices: true } };
  deepEqual((await devices(scene, without)).devices, []);
});

test("device numbers beyond 8 bits", () => {
  deepEqual(deviceNumber(0x103), { major: 1, minor: 3 });
  deepEqual(deviceNumber(316662230500830), { major: 0x12345, minor: 0xabcde });
});
