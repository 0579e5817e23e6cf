import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import type { RuntimeSpec } from "@crib/oci-spec";

import { MountScene, needsRoot } from "../mounts/testing/mount-scene.ts";
import { cdiDeviceNames } from "./cdi/cdi-name.ts";
import { injectCdi } from "./inject-cdi.ts";

const base: RuntimeSpec = {
  ociVersion: "1.0.2",
  root: { path: "/r" },
  process: { user: { uid: 1000, gid: 0, additionalGids: [5] }, args: ["x"], cwd: "/", env: ["A=1", "B=2"] },
  mounts: [{ destination: "/proc" }, { destination: "/opt/lib", source: "/old" }],
  linux: { namespaces: [], resources: { devices: [{ allow: false, access: "rwm" }] }, devices: [] },
};

function scene(t: TestContext): { dirs: readonly string[]; write: (dir: 0 | 1, name: string, text: unknown) => void } {
  const made = new MountScene(t);
  const dirs = [made.directory("etc"), made.directory("run")];
  return {
    dirs,
    write: (dir, name, text) =>
      writeFileSync(`${dirs[dir]}/${name}`, typeof text === "string" ? text : JSON.stringify(text)),
  };
}

function spec(devices: Readonly<Record<string, unknown>>, more: object = {}): object {
  const list = Object.entries(devices).map(([name, containerEdits]) => ({ name, containerEdits }));
  return { cdiVersion: "0.6.0", kind: "acme.com/gpu", devices: list, ...more };
}

const yaml = `
cdiVersion: "0.7.0"
kind: acme.com/gpu
containerEdits:
  env: [B=3, C=4]
  hooks:
    - {hookName: createContainer, path: /usr/bin/hook, args: [hook, --all], timeout: 5}
devices:
  - name: 0:1
    containerEdits:
      deviceNodes:
        - {path: /dev/gpu0, hostPath: /dev/null, permissions: rw, fileMode: 0660}
        - {path: /dev/gpu1, type: c, major: 195, minor: 1, uid: 0, gid: 44}
      mounts:
        - {hostPath: /usr/lib/gpu, containerPath: /opt/lib, options: [ro, rbind]}
        - {hostPath: /usr/bin/gpu, containerPath: /x}
      additionalGids: [44, 5, 0]
      intelRdt: {closID: gold, enableCMT: true}
      netDevices: [{hostInterfaceName: eth7, name: net1}]
`;

test("a device brings its edits and those of its specification, and replaces what is there", async (t) => {
  const { dirs, write } = scene(t);
  write(0, "gpu.yaml", yaml);
  const made = await injectCdi(base, ["acme.com/gpu=0:1"], [...dirs, "/nonexistent"]);
  deepEqual(made.process?.env, ["A=1", "B=3", "C=4"]);
  deepEqual(made.process?.user.additionalGids, [5, 44]);
  deepEqual(made.hooks, {
    createContainer: [{ path: "/usr/bin/hook", args: ["hook", "--all"], timeout: 5 }],
  });
  deepEqual(made.mounts, [
    { destination: "/proc" },
    { destination: "/x", source: "/usr/bin/gpu" },
    { destination: "/opt/lib", source: "/usr/lib/gpu", options: ["ro", "rbind"] },
  ]);
  deepEqual(made.linux?.devices, [
    { path: "/dev/gpu0", type: "c", major: 1, minor: 3, fileMode: 0o660, uid: 1000 },
    { path: "/dev/gpu1", type: "c", major: 195, minor: 1, uid: 0, gid: 44 },
  ]);
  deepEqual(made.linux?.resources?.devices, [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", major: 1, minor: 3, access: "rw" },
    { allow: true, type: "c", major: 195, minor: 1, access: "rwm" },
  ]);
  deepEqual(made.linux?.intelRdt, { closID: "gold", enableMonitoring: true });
  deepEqual(made.linux?.netDevices, { eth7: { name: "net1" } });
  deepEqual(base.process?.env, ["A=1", "B=2"], "the specification given is as it was");
  equal(await injectCdi(base, [], dirs), base);
});

test("a later directory counts more, within one directory nobody decides; edits for all come once", async (t) => {
  const { dirs, write } = scene(t);
  const edit = (value: string): object => ({ env: [`E${value}=${value}`] });
  const hooks = [{ hookName: "prestart", path: "/h" }];
  write(0, "a.json", spec({ one: edit("a"), two: edit("a"), four: edit("a") }, { containerEdits: { hooks } }));
  write(0, "b.json", spec({ two: edit("b"), three: edit("b") }));
  write(1, "c.json", spec({ three: edit("c") }));
  write(1, "ignored.txt", spec({ one: edit("x") }));
  const made = await injectCdi(base, ["acme.com/gpu=three", "acme.com/gpu=one", "acme.com/gpu=four"], dirs);
  deepEqual(made.process?.env?.slice(2), ["Ec=c", "Ea=a"]);
  equal(made.hooks?.prestart?.length, 1);
  await rejects(injectCdi(base, ["acme.com/gpu=two"], dirs), {
    code: Code.NotFound,
    message: /"acme.com\/gpu=two".*two specifications/,
  });
});

test(
  "a device that cannot be had is an error that names it, and says which specification is wrong",
  needsRoot,
  async (t) => {
    const { dirs, write } = scene(t);
    const bad: Readonly<Record<string, unknown>> = {
      "version.json": { ...spec({ d: {} }), cdiVersion: "9.0.0" },
      "kind.json": { ...spec({ d: {} }), kind: "gpu" },
      "key.json": spec({ d: { unknown: 1 } }),
      "hook.json": spec({ d: { hooks: [{ hookName: "never", path: "/x" }] } }),
      "path.json": spec({ d: { deviceNodes: [{ path: "dev/x" }] } }),
      "twice.json": { ...spec({}), devices: [1, 2].map(() => ({ name: "d", containerEdits: {} })) },
      "broken.json": "{",
      "broken.yaml": "a: [",
      "large.json": " ".repeat((1 << 20) + 1),
      "bomb.yaml": `a: &a [x,x,x,x,x,x,x,x]\n${"bcdefgh"
        .split("")
        .map((c, i) => `${c}: &${c} [${`*${"abcdefgh"[i]},`.repeat(9)}]`)
        .join("\n")}`,
      "empty.yaml": "",
    };
    for (const [name, text] of Object.entries(bad)) {
      write(0, name, text);
      const error = await injectCdi(base, ["acme.com/gpu=d"], dirs).then(
        () => undefined,
        (reason: unknown) => reason as Error & { code: Code },
      );
      equal(error?.code, Code.NotFound, name);
      ok(error?.message.includes('"acme.com/gpu=d"') && error.message.includes(name), error?.message);
      execFileSync("rm", [`${dirs[0]}/${name}`]);
    }
    execFileSync("mkfifo", [`${dirs[0]}/fifo.json`]);
    write(
      1,
      "good.json",
      spec({
        d: { deviceNodes: [{ path: "/dev/none-such" }] },
        file: { deviceNodes: [{ path: "/dev/x", hostPath: "/etc/passwd" }] },
      }),
    );
    await rejects(injectCdi(base, ["acme.com/gpu=d"], dirs), { code: Code.NotFound, message: /gpu=d.*none-such/ });
    await rejects(injectCdi(base, ["acme.com/gpu=file"], dirs), { code: Code.InvalidArgument, message: /passwd/ });
  },
);

test("names come from the request and from annotations, each once; what is none is refused", () => {
  const annotations = {
    "cdi.k8s.io/plugin_b": "acme.com/net=1, acme.com/gpu=0",
    "cdi.k8s.io/plugin_a": "acme.com/x=y",
    other: "no",
  };
  deepEqual(cdiDeviceNames({ cdiDevices: ["acme.com/gpu=0"], annotations }), [
    "acme.com/gpu=0",
    "acme.com/x=y",
    "acme.com/net=1",
  ]);
  for (const name of [
    "",
    "gpu=0",
    "acme.com/gpu",
    "acme.com/gpu=",
    "acme.com/gpu=a b",
    "/gpu=0",
    "acme.com/=0",
    "a/b=c=d",
  ]) {
    throws(() => cdiDeviceNames({ cdiDevices: [name], annotations: {} }), { code: Code.InvalidArgument }, name);
  }
});
