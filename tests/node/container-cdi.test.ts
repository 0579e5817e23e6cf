import { equal, match, ok, rejects } from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";

import { startContainerNode } from "../support/containers/container-node.ts";
import type { ContainerConfig } from "../support/containers/container.ts";
import { deviceNumberOf } from "../support/containers/device-number.ts";
import { runScript } from "../support/containers/run-script.ts";
import { needsRoot } from "../support/needs-root.ts";

/** A device that no container has unless it is given. */
const hostPath = ["/dev/fuse", "/dev/net/tun", "/dev/loop-control"].find((path) => existsSync(path)) ?? "";
const { major, minor } = deviceNumberOf(hostPath);

/** What a vendor's tool writes: something for all of its devices, and something for each. */
const specification = {
  cdiVersion: "0.6.0",
  kind: "example.com/gadget",
  containerEdits: { env: ["GADGET_ALL=yes"] },
  devices: [
    {
      name: "one",
      containerEdits: {
        env: ["GADGET=one"],
        deviceNodes: [{ path: "/dev/gadget-one", type: "c", major, minor, fileMode: 0o660, permissions: "rw" }],
      },
    },
    { name: "two", containerEdits: { deviceNodes: [{ path: "/dev/gadget-two", hostPath: "/dev/zero" }] } },
  ],
};

/** What a device must show of itself in the container: it can be used, not only seen. */
const probe = `
echo "all $GADGET_ALL own $GADGET"
stat -c '%n %F %a %t:%T' /dev/gadget-* 2>/dev/null
(: <> /dev/gadget-one) && echo opens
[ ! -e /dev/gadget-two ] || head -c 3 /dev/gadget-two | wc -c
cat /opt/gadget/version
touch /opt/gadget/x 2>/dev/null && echo writable
exit 0
`;
const numbers = `${major.toString(16)}:${minor.toString(16)}`;
const one = `/dev/gadget-one character special file 660 ${numbers}\n`;
const two = "/dev/gadget-two character special file 666 1:5\n";

const byField =
  (...names: readonly string[]) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, CDIDevices: names.map((name) => ({ name })) });
const byAnnotation =
  (names: string) =>
  (config: ContainerConfig): ContainerConfig => ({ ...config, annotations: { "cdi.k8s.io/example": names } });

test("CDI devices", needsRoot, async (t) => {
  const scene = await startContainerNode(t, {
    config: ({ dir }) => ({ containers: { cdi_spec_dirs: [join(dir, "cdi"), join(dir, "cdi-later")] } }),
  });
  const { node } = scene;
  const [dir, later] = ["cdi", "cdi-later"].map((name) => join(node.lane.dir, name)) as [string, string];
  const library = join(node.lane.dir, "gadget");
  mkdirSync(dir);
  mkdirSync(library);
  writeFileSync(join(library, "version"), "7\n");
  const mounts = [{ hostPath: library, containerPath: "/opt/gadget", options: ["ro", "nosuid", "nodev", "bind"] }];
  const containerEdits = { ...specification.containerEdits, mounts };
  writeFileSync(join(dir, "gadget.json"), JSON.stringify({ ...specification, containerEdits }));
  const pod = await node.runPod();

  await t.test("bring environment, nodes that can be used, and mounts, by the field of the CRI", async () => {
    const change = byField("example.com/gadget=one");
    equal(await runScript(scene, pod, probe, { change }), `all yes own one\n${one}opens\n7\n`);
  });

  await t.test("and by annotation, several of them, each once", async () => {
    const change = byAnnotation("example.com/gadget=one,example.com/gadget=two");
    const both = (config: ContainerConfig): ContainerConfig => ({
      ...byField("example.com/gadget=two")(change(config)),
    });
    equal(await runScript(scene, pod, probe, { change: both }), `all yes own one\n${one}${two}opens\n3\n7\n`);
  });

  await t.test("nothing of them is in a container that does not ask", async () => {
    equal(await runScript(scene, pod, "ls /dev/gadget-* /opt/gadget 2>/dev/null; echo $GADGET_ALL"), "\n");
    // Nor may it make the node and use it, which the others' could be.
    const make = `mknod /tmp/one c ${major} ${minor} && chmod 666 /tmp/one && (: <> /tmp/one) 2>&1; true`;
    match(await runScript(scene, pod, make), /not permitted/);
  });

  await t.test("are as their specification is at that moment, and as that of the later directory", async () => {
    mkdirSync(later);
    const edits = { env: ["GADGET=later"], deviceNodes: [{ path: "/dev/gadget-one", hostPath }] };
    const device = { name: "one", containerEdits: edits };
    // As YAML, the other form that they come in.
    const yaml = `cdiVersion: "0.6.0"\nkind: example.com/gadget\ndevices: [${JSON.stringify(device)}]\n`;
    writeFileSync(join(later, "gadget.yaml"), yaml);
    const printed = await runScript(scene, pod, probe, { change: byField("example.com/gadget=one") });
    match(printed, new RegExp(`^all {2}own later\n/dev/gadget-one character special file \\d+ ${numbers}\n`));
  });

  await t.test("that nobody has are an error that names them, and leave no container", async () => {
    const missing = "example.com/gadget=three";
    for (const change of [byField("example.com/gadget=one", missing), byAnnotation(missing)]) {
      await rejects(scene.createContainer(pod, { name: "missing", change }), {
        code: Code.NotFound,
        message: new RegExp(`CDI devices? "${missing}"`),
      });
    }
    for (const name of ["gadget", "example.com/gadget", "../x=one", ""])
      await rejects(scene.createContainer(pod, { change: byField(name) }), { code: Code.InvalidArgument }, name);
    // What is wrong with a specification is told where it is missed.
    writeFileSync(join(later, "broken.json"), "{");
    await rejects(scene.createContainer(pod, { change: byField(missing) }), /broken\.json/);
    const { containers } = await node.cri.runtime.listContainers({});
    equal(containers.length, 0);
    // The name is free at once.
    const again = await scene.runContainer(pod, { name: "missing", change: byField("example.com/gadget=two") });
    ok((await again.sh("ls /dev/gadget-two")).length > 0);
  });
});
