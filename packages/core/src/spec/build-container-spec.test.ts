import { deepEqual, equal, notEqual, ok, rejects } from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import { Code } from "@crib/errdefs";
import type { RuntimeSpec } from "@crib/oci-spec";

import { buildContainerSpec } from "./build-container-spec.ts";
import { knownCapabilities } from "./process/capability-names.ts";
import { type InputChanges, specInput, temporaryDirectory } from "./testing/spec-input.ts";
import type { SpecInput } from "./types.ts";

/** An ordinary container whose files are in a directory of the test. */
function inputOf(t: TestContext, changes: InputChanges = {}): SpecInput {
  const dir = temporaryDirectory(t);
  const rootfs = `${dir}/bundle/rootfs`;
  mkdirSync(`${rootfs}/etc`, { recursive: true });
  writeFileSync(`${rootfs}/etc/passwd`, "root:x:0:0::/:\nweb:x:1000:1000::/:");
  writeFileSync(`${rootfs}/etc/group`, "www:x:33:web");
  const plan = { bundleDir: `${dir}/bundle`, ...changes.plan };
  return specInput({ rootfs, ...changes, plan, features: { capabilities: knownCapabilities, ...changes.features } });
}

async function specOf(t: TestContext, changes: InputChanges = {}): Promise<RuntimeSpec> {
  return (await buildContainerSpec(inputOf(t, changes))).spec;
}

test("an ordinary container", async (t) => {
  const { spec, user } = await buildContainerSpec(
    inputOf(t, {
      image: { user: "web", workingDir: "/srv", entrypoint: ["/web"], cmd: ["--port", "80"], env: ["A=1"] },
      plan: { resources: { memoryLimitBytes: 1024, oomScoreAdj: 5, hugepageLimits: [], unified: {} } },
      security: { seccomp: { kind: "runtime-default" }, noNewPrivileges: true, readonlyRootfs: true },
    }),
  );
  deepEqual(user, { uid: 1000, gid: 1000, additionalGids: [1000, 33] });
  deepEqual(spec.root, { path: "rootfs", readonly: true });
  const { capabilities, ...process } = spec.process ?? {};
  deepEqual(process, {
    user,
    terminal: false,
    args: ["/web", "--port", "80"],
    env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=pod", "A=1"],
    cwd: "/srv",
    noNewPrivileges: true,
    oomScoreAdj: 5,
  });
  equal(capabilities?.bounding?.length, 14);
  equal(spec.hostname, undefined);
  deepEqual(spec.linux?.resources?.memory, { limit: 1024, swap: 1024 });
  deepEqual(spec.linux?.resources?.devices?.[0], { allow: false, access: "rwm" });
  deepEqual(spec.linux?.maskedPaths, ["/proc/kcore", "/sys/devices/virtual/powercap"]);
  deepEqual(spec.linux?.readonlyPaths, ["/proc/sys"]);
  equal(spec.linux?.seccomp?.defaultAction, "SCMP_ACT_ERRNO");
  equal(spec.linux?.cgroupsPath, specInput().plan.cgroupPath);
  for (const key of ["sysctl", "uidMappings", "mountLabel", "intelRdt"] as const) equal(spec.linux?.[key], undefined);
});

test("a privileged container has everything, and no sysctls either", async (t) => {
  const spec = await specOf(t, {
    security: { privileged: true, seccomp: { kind: "runtime-default" } },
    sandbox: { privileged: true, sysctls: { "net.ipv4.ip_forward": "1" } },
    features: { apparmor: true, selinux: true },
  });
  deepEqual(spec.process?.capabilities?.effective, knownCapabilities);
  deepEqual(spec.process?.capabilities?.inheritable, []);
  deepEqual([spec.linux?.maskedPaths, spec.linux?.readonlyPaths], [[], []]);
  deepEqual(spec.linux?.resources?.devices, [{ allow: true, access: "rwm" }]);
  equal(spec.linux?.sysctl, undefined);
  for (const each of [spec.linux?.seccomp, spec.process?.apparmorProfile, spec.process?.selinuxLabel]) {
    equal(each, undefined);
  }
});

test("a container is not privileged in a sandbox that is not", async (t) => {
  await rejects(specOf(t, { security: { privileged: true } }), { code: Code.InvalidArgument });
});

test("oom_score_adj is what the daemon can give, and never inherited", async (t) => {
  for (const { asked, floor, gives } of [
    { asked: undefined, floor: -1000, gives: 0 },
    { asked: -997, floor: -1000, gives: -997 },
    { asked: -997, floor: -500, gives: -500 },
    { asked: undefined, floor: 300, gives: 300 },
    { asked: 1000, floor: 300, gives: 1000 },
  ]) {
    const resources = { hugepageLimits: [], unified: {}, ...(asked === undefined ? {} : { oomScoreAdj: asked }) };
    const spec = await specOf(t, { plan: { resources }, features: { oomScoreAdjFloor: floor } });
    equal(spec.process?.oomScoreAdj, gives);
  }
});

test("a host's own means of confinement are used where it has them", async (t) => {
  const spec = await specOf(t, { features: { apparmor: true, selinux: true } });
  equal(spec.process?.apparmorProfile, "crib-default");
  ok(spec.process?.selinuxLabel?.startsWith("system_u:system_r:container_t:s0:c"));
  ok(spec.linux?.mountLabel?.startsWith("system_u:object_r:container_file_t:s0:c"));
});

test("a user namespace is the pod's, with all capabilities there are", async (t) => {
  const ids = [{ containerId: 0, hostId: 100_000, length: 65_536 }];
  const namespaces = { net: "/n", ipc: "/i", uts: "/u", user: "/us" };
  const spec = await specOf(t, {
    sandbox: { userNamespace: { uids: ids, gids: ids } },
    facts: { instance: { createdAt: "", labels: {}, namespaces } },
    security: { capabilities: { add: ["SYS_RESOURCE"], drop: ["ALL"], addAmbient: [] } },
    features: { capabilities: [] },
  });
  deepEqual(spec.linux?.uidMappings, [{ containerID: 0, hostID: 100_000, size: 65_536 }]);
  deepEqual(spec.linux?.gidMappings, spec.linux?.uidMappings);
  deepEqual(spec.process?.capabilities?.bounding, ["CAP_SYS_RESOURCE"]);
});

test("annotations of the pod change nothing but what the handler lists", async (t) => {
  const input = inputOf(t);
  const keys = [
    "org.systemd.property.MemoryMax",
    "run.oci.handler",
    "io.kubernetes.cri-o.UnifiedCgroup.web",
    "cpu-quota.crio.io",
  ];
  const annotations = Object.fromEntries(keys.map((key) => [key, "1"]));
  const sandbox = { ...input.sandbox, plan: { ...input.sandbox.plan, annotations } };
  const { spec } = await buildContainerSpec({ ...input, sandbox, plan: { ...input.plan, annotations } });
  deepEqual(spec, (await buildContainerSpec(input)).spec);
});

test("nothing is shared between specifications, nor with what they are made from", async (t) => {
  const changes: InputChanges = {
    security: { seccomp: { kind: "runtime-default" }, supplementalGroups: [5] },
    plan: { resources: { hugepageLimits: [{ pageSize: "2MB", limit: 0 }], unified: { "memory.min": "1" } } },
    image: { env: ["A=1"], entrypoint: ["/e"] },
    features: { cgroupVersion: 2, cgroupControllers: ["hugetlb"] },
    options: { rlimits: { RLIMIT_NOFILE: { soft: 1, hard: 2 } } },
  };
  const input = inputOf(t, changes);
  const [first, second] = await Promise.all([buildContainerSpec(input), buildContainerSpec(input)]);
  deepEqual(first, second);
  const seen = new Set([...objectsIn(first.spec), ...objectsIn(input)]);
  for (const each of objectsIn(second.spec)) ok(!seen.has(each), JSON.stringify(each));
  ok(objectsIn(second.spec).length > 100);
});

test("200 containers of one image at once have each their own environment", async (t) => {
  const input = inputOf(t, { image: { env: ["SHARED=1"] } });
  const specs = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const envs = [{ key: `OWN_${index}`, value: `${index}` }];
      return (await buildContainerSpec({ ...input, plan: { ...input.plan, envs } })).spec;
    }),
  );
  for (const [index, spec] of specs.entries()) {
    deepEqual(
      spec.process?.env?.filter((each) => each.startsWith("OWN_")),
      [`OWN_${index}=${index}`],
    );
  }
  notEqual(specs[0]?.process?.env, specs[1]?.process?.env);
});

/** Every object below a value, but not itself. */
function objectsIn(value: object): readonly object[] {
  return Object.values(value).flatMap((each: unknown) =>
    typeof each === "object" && each !== null ? [each, ...objectsIn(each)] : [],
  );
}
