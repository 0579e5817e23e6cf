import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import { testSandbox } from "@crib/sandboxer/testing";

import { type PauseHost, pauseSpec, taskShimSpec } from "./pause-spec.ts";

const sandbox = testSandbox({
  id: "ab".repeat(32),
  namespaces: { net: "/ns/net", ipc: "/ns/ipc", uts: "/ns/uts" },
  pidMode: "pod",
  cgroupPath: "/kubepods.slice/crib-ab",
  rootDir: "/root",
  stateDir: "/state",
});

const host: PauseHost = {
  rootfs: "/pause/rootfs",
  args: ["/pause"],
  env: ["PATH=/"],
  cwd: "/",
  user: undefined,
  oomScoreAdj: -998,
  seccomp: undefined,
  hasSelinux: false,
  systemdCgroup: false,
  hasResolvConf: true,
};

const mappings = [{ containerId: 0, hostId: 100_000, length: 65_536 }];

test("the pause has no privilege and joins the pinned namespaces by their paths", () => {
  const { process, root, linux } = pauseSpec(sandbox, host);
  deepEqual(process?.user, { uid: 65_535, gid: 65_535 });
  equal(process?.noNewPrivileges, true);
  ok(Object.values(process?.capabilities ?? { none: ["x"] }).every((set) => set.length === 0));
  equal(root.readonly, true);
  deepEqual(linux?.namespaces, [
    { type: "mount" },
    { type: "network", path: "/ns/net" },
    { type: "ipc", path: "/ns/ipc" },
    { type: "uts", path: "/ns/uts" },
    { type: "pid" },
  ]);
  equal(linux?.resources?.cpu?.shares, 2);
  equal(linux?.cgroupsPath, `${sandbox.cgroupPath}/pause`);
});

test("a namespace of the host is not listed, so that the runtime keeps its own", () => {
  const { linux } = pauseSpec(
    { ...sandbox, hostNetwork: true, hostIpc: true, pidMode: "node", namespaces: {} },
    { ...host, systemdCgroup: true },
  );
  deepEqual(linux?.namespaces, [{ type: "mount" }]);
  equal(linux?.cgroupsPath, `kubepods.slice:crib:${sandbox.id}`);
});

test("a namespace of the pod that has no path is an error, never the host's and never a new one", () => {
  throws(() => pauseSpec({ ...sandbox, namespaces: { ipc: "/ns/ipc" } }, host), { code: Code.InvalidArgument });
  throws(() => pauseSpec({ ...sandbox, namespaces: { net: "/ns/net" } }, host), { code: Code.InvalidArgument });
  throws(() => pauseSpec({ ...sandbox, uidMappings: mappings, gidMappings: mappings }, host), {
    code: Code.InvalidArgument,
  });
  const withUser = { ...sandbox, namespaces: { ...sandbox.namespaces, user: "/ns/user" } };
  throws(() => pauseSpec(withUser, host), { code: Code.InvalidArgument });
});

test("a user namespace is joined with its mappings, and only ids that it maps are used", () => {
  const mapped = { ...sandbox, namespaces: { ...sandbox.namespaces, user: "/ns/user" }, uidMappings: mappings };
  const full = pauseSpec({ ...mapped, gidMappings: mappings }, host);
  deepEqual(full.linux?.uidMappings, [{ containerID: 0, hostID: 100_000, size: 65_536 }]);
  deepEqual(full.process?.user, { uid: 65_535, gid: 65_535 });
  const narrow = [{ containerId: 0, hostId: 100_000, length: 5 }];
  const small = pauseSpec({ ...mapped, uidMappings: narrow, gidMappings: narrow }, host);
  deepEqual(small.process?.user, { uid: 0, gid: 0 });
  equal(small.mounts?.find(({ type }) => type === "devpts")?.options?.includes("gid=5"), false);
});

test("user, groups and SELinux label are those of the pod; the label only where the host has SELinux", () => {
  const selinux = { user: "", role: "", type: "spc_t", level: "s0:c1,c2" };
  const security = { ...sandbox.security, runAsUser: 7, runAsGroup: 8, supplementalGroups: [9], selinux };
  const spec = pauseSpec({ ...sandbox, security }, { ...host, hasSelinux: true });
  deepEqual(spec.process?.user, { uid: 7, gid: 8, additionalGids: [9] });
  equal(spec.process?.selinuxLabel, "system_u:system_r:spc_t:s0:c1,c2");
  equal(spec.linux?.mountLabel, "system_u:system_r:spc_t:s0:c1,c2");
  equal(pauseSpec({ ...sandbox, security }, host).process?.selinuxLabel, undefined);
  const privileged = { ...sandbox, security, privileged: true };
  equal(pauseSpec(privileged, { ...host, hasSelinux: true }).process?.selinuxLabel, undefined);
});

test("annotations of the pod never decide about shims, groups or the sandbox's identity", () => {
  const annotations = {
    "example.com/kept": "yes",
    "io.containerd.runc.v2.group": "another-pod",
    "io.kubernetes.cri.sandbox-id": "another-pod",
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.image-name": "x",
  };
  for (const spec of [pauseSpec({ ...sandbox, annotations }, host), taskShimSpec({ ...sandbox, annotations })]) {
    deepEqual(spec.annotations, {
      "example.com/kept": "yes",
      "io.kubernetes.cri.sandbox-id": sandbox.id,
      "io.kubernetes.cri.sandbox-namespace": "default",
      "io.kubernetes.cri.sandbox-uid": "u-1",
      "io.kubernetes.cri.sandbox-name": "web",
      "io.kubernetes.cri.container-type": "sandbox",
    });
  }
});

test("resources of the pod are told as annotations, zero ones are not", () => {
  const resources = { cpuPeriod: 100_000, cpuQuota: 0, cpuShares: 512, memoryLimitBytes: 1024 };
  const { annotations } = pauseSpec({ ...sandbox, resources }, host);
  equal(annotations?.["io.kubernetes.cri.sandbox-cpu-period"], "100000");
  equal(annotations?.["io.kubernetes.cri.sandbox-cpu-shares"], "512");
  equal(annotations?.["io.kubernetes.cri.sandbox-memory"], "1024");
  equal(annotations?.["io.kubernetes.cri.sandbox-cpu-quota"], undefined);
});

test("a pod without resolv.conf gets no mount of it", () => {
  const targets = pauseSpec(sandbox, { ...host, hasResolvConf: false }).mounts?.map(({ destination }) => destination);
  equal(targets?.includes("/etc/resolv.conf"), false);
  equal(targets?.includes("/dev/shm"), true);
});
