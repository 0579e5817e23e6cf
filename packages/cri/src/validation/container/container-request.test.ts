import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerRequest } from "@crib/core/containers";
import type { PodSandboxRequest } from "@crib/core/sandbox";
import { Code } from "@crib/errdefs";
import {
  type ContainerConfigSchema,
  CreateContainerRequestSchema,
  type LinuxContainerSecurityContextSchema,
  type MountSchema,
  type MountPropagation,
  NamespaceMode,
  type PodSandboxConfigSchema,
  SecurityProfile_ProfileType as ProfileType,
  Signal,
  SupplementalGroupsPolicy,
} from "@crib/wire/cri";

import { containerConfig } from "../../testing/container-record.ts";
import { podConfig, sandboxRecord } from "../../testing/sandbox-record.ts";
import { checkContainerRequest } from "./container-request.ts";

type Config = MessageInitShape<typeof ContainerConfigSchema>;
type Context = MessageInitShape<typeof LinuxContainerSecurityContextSchema>;

interface Surroundings {
  readonly pod?: Partial<PodSandboxRequest>;
  readonly recursiveReadOnlyMounts?: boolean;
  readonly sandboxConfig?: MessageInitShape<typeof PodSandboxConfigSchema>;
}

const id = "aa".repeat(32);
const logs = { logDirectory: "/var/log/pods/web" };
const context = "config.linux.security_context";
const namespaces = `${context}.namespace_options`;

function check(
  more: Config = {},
  { pod = {}, recursiveReadOnlyMounts = true, sandboxConfig }: Surroundings = {},
): ContainerRequest {
  const request = create(CreateContainerRequestSchema, {
    podSandboxId: id,
    config: containerConfig(more),
    ...(sandboxConfig && { sandboxConfig }),
  });
  return checkContainerRequest(request, { sandbox: sandboxRecord(id, { ...logs, ...pod }), recursiveReadOnlyMounts });
}

/** The whole message is compared: field, value and what was expected. */
function refuses(more: Config, message: string, surroundings: Surroundings = {}): void {
  throws(() => check(more, surroundings), { code: Code.InvalidArgument, message: `invalid ${message}` }, message);
}

const secured = (securityContext: Context): Config => ({ linux: { securityContext } });

test("a container that asks for nothing gets nothing", () => {
  const { config, ...request } = check();
  equal(typeof config, "object");
  deepEqual(
    { ...request, labels: { ...request.labels }, annotations: { ...request.annotations } },
    {
      sandboxId: id,
      name: "app",
      attempt: 0,
      image: `sha256:${"a".repeat(64)}`,
      userSpecifiedImage: "",
      command: [],
      args: [],
      workingDir: "",
      envs: [],
      mounts: [],
      devices: [],
      cdiDevices: [],
      labels: {},
      annotations: {},
      logPath: "",
      stdin: false,
      stdinOnce: false,
      tty: false,
      stopSignal: "",
      resources: { hugepageLimits: [], unified: {} },
      security: {
        privileged: false,
        pid: "container",
        capabilities: { add: [], drop: [], addAmbient: [] },
        supplementalGroups: [],
        supplementalGroupsPolicy: "merge",
        readonlyRootfs: false,
        noNewPrivileges: false,
        maskedPaths: [],
        readonlyPaths: [],
      },
    },
  );
});

test("what a kubelet sends comes through", () => {
  const request = check({
    metadata: { name: "app", attempt: 3 },
    image: { image: "docker.io/library/busybox@sha256:abc", userSpecifiedImage: "busybox" },
    command: ["sh", "-c"],
    args: ["exec sleep 1\n"],
    workingDir: "/srv/app/",
    envs: [
      { key: "A", value: Buffer.from("1") },
      { key: "NOTE", value: Buffer.from("two\nlines = 2") },
      { key: "A", value: Buffer.from("3") },
    ],
    mounts: [{ containerPath: "/etc//hosts", hostPath: "/var/lib/kubelet/etc-hosts/", selinuxRelabel: true }],
    devices: [{ containerPath: "/dev/fuse", hostPath: "/dev/fuse", permissions: "mrw" }],
    CDIDevices: [{ name: "nvidia.com/gpu=0" }],
    logPath: "app/3.log",
    stdin: true,
    stdinOnce: true,
    tty: true,
    stopSignal: Signal.SIGRTMAXMINUS1,
    linux: {
      resources: {
        cpuPeriod: 100_000n,
        cpuQuota: -1n,
        cpuShares: 102n,
        memoryLimitInBytes: 64n * 1024n * 1024n,
        oomScoreAdj: 0n,
        hugepageLimits: [{ pageSize: "2MB", limit: 0n }],
        unified: { "memory.oom.group": "1" },
      },
      securityContext: {
        namespaceOptions: { pid: NamespaceMode.CONTAINER },
        capabilities: { addCapabilities: ["net_admin"], dropCapabilities: ["ALL"] },
        runAsUser: { value: 1_000n },
        runAsGroup: { value: 2_000n },
        supplementalGroups: [7n],
        supplementalGroupsPolicy: SupplementalGroupsPolicy.Strict,
        readonlyRootfs: true,
        noNewPrivs: true,
        maskedPaths: ["/proc/kcore"],
        readonlyPaths: ["/proc/sys"],
        seccomp: { profileType: ProfileType.RuntimeDefault },
        apparmor: { profileType: ProfileType.Localhost, localhostRef: "app-profile" },
        selinuxOptions: { level: "s0:c1,c2" },
      },
    },
  });
  equal(request.attempt, 3);
  equal(request.userSpecifiedImage, "busybox");
  equal(request.workingDir, "/srv/app/");
  equal(request.logPath, "/var/log/pods/web/app/3.log");
  equal(request.stopSignal, "SIGRTMAX-1");
  deepEqual(request.envs, [
    { key: "A", value: "1" },
    { key: "NOTE", value: "two\nlines = 2" },
    { key: "A", value: "3" },
  ]);
  deepEqual(request.mounts, [
    {
      containerPath: "/etc/hosts",
      hostPath: "/var/lib/kubelet/etc-hosts",
      readonly: false,
      recursiveReadOnly: false,
      selinuxRelabel: true,
      propagation: "private",
      imageSubPath: "",
    },
  ]);
  deepEqual(request.resources, {
    cpuPeriod: 100_000,
    cpuQuota: -1,
    cpuShares: 102,
    memoryLimitBytes: 64 * 1024 * 1024,
    oomScoreAdj: 0,
    hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
    unified: { "memory.oom.group": "1" },
  });
  deepEqual(request.security, {
    privileged: false,
    pid: "container",
    capabilities: { add: ["NET_ADMIN"], drop: ["ALL"], addAmbient: [] },
    selinux: { user: "", role: "", type: "", level: "s0:c1,c2" },
    runAsUser: 1_000,
    runAsGroup: 2_000,
    supplementalGroups: [7],
    supplementalGroupsPolicy: "strict",
    readonlyRootfs: true,
    noNewPrivileges: true,
    maskedPaths: ["/proc/kcore"],
    readonlyPaths: ["/proc/sys"],
    seccomp: { kind: "runtime-default" },
    apparmor: { kind: "localhost", name: "app-profile" },
  });
});

test("the container and its image must be named", () => {
  throws(
    () =>
      checkContainerRequest(create(CreateContainerRequestSchema), {
        sandbox: sandboxRecord(id),
        recursiveReadOnlyMounts: true,
      }),
    { code: Code.InvalidArgument, message: "invalid config: is missing" },
  );
  refuses({ metadata: { name: "" } }, "config.metadata.name: is empty");
  refuses(
    { metadata: { name: "../x" } },
    'config.metadata.name: "../x" must be letters, digits and ._:@+- only, beginning with a letter or digit',
  );
  refuses({ image: { image: "" } }, "config.image: is missing");
  refuses({ image: { image: "a\nb" } }, 'config.image.image: "a\\nb" has a control character');
  refuses({ windows: {} }, "config.windows: this runtime runs containers of Linux");
});

test("a container of one pod is not made in another", () => {
  check({}, { sandboxConfig: podConfig() });
  check({}, { sandboxConfig: {} });
  const metadata = { name: "web", namespace: "default", uid: "uid-1" };
  const wrong = (more: object): Surroundings => ({ sandboxConfig: { metadata: { ...metadata, ...more } } });
  refuses({}, 'sandbox_config.metadata.uid: "uid-2" is not that of the sandbox, "uid-1"', wrong({ uid: "uid-2" }));
  refuses({}, 'sandbox_config.metadata.name: "db" is not that of the sandbox, "web"', wrong({ name: "db" }));
});

test("arguments and variables are what execve takes", () => {
  refuses({ command: ["a", "b\0"] }, 'config.command[1]: "b\\u0000" has a NUL');
  refuses({ args: ["\0"] }, 'config.args[0]: "\\u0000" has a NUL');
  check({ args: ["x".repeat(131_071)] });
  refuses({ args: ["x".repeat(131_072)] }, `config.args[0]: "${"x".repeat(80)}..." is longer than 131071 bytes`);
  const env = (key: string, value: string): Config => ({ envs: [{ key, value: Buffer.from(value) }] });
  refuses(env("", "x"), "config.envs[0].key: is empty");
  refuses(env("A=B", "x"), 'config.envs[0].key: "A=B" has a "=" or a NUL');
  refuses(env("A\0", "x"), 'config.envs[0].key: "A\\u0000" has a "=" or a NUL');
  refuses(env("TOKEN", "se\0cret"), 'config.envs[0].value: the value of "TOKEN" has a NUL');
  check(env("A", "x".repeat(131_072 - 3)));
  refuses(env("A", "x".repeat(131_072 - 2)), 'config.envs[0]: "A" takes 131073 bytes; the limit is 131072');
});

test("a value that is no UTF-8 is shown as such, one with a byte order mark is left alone", () => {
  const [bad, marked] = check({
    envs: [
      { key: "A", value: Buffer.from("61ff62", "hex") },
      { key: "B", value: Buffer.from("\ufeffx") },
    ],
  }).envs;
  equal(bad?.value, "a\ufffdb");
  equal(marked?.value, "\ufeffx");
});

test("the working directory is absolute and no descriptor of the runtime (CVE-2024-21626)", () => {
  refuses({ workingDir: "app" }, 'config.working_dir: "app" is not an absolute path');
  refuses({ workingDir: "/a\nb" }, 'config.working_dir: "/a\\nb" has a control character');
  const descriptors = [
    "/proc/self/fd/7",
    "/proc/self/fd",
    "//proc/./self/fd/7/",
    "/proc/1/fd/3",
    "/x/../proc/self/fd/8/",
  ];
  for (const workingDir of [...descriptors, "/proc/thread-self/fd/1", "/proc/1/task/1/fd/1", "/dev/fd/9"]) {
    refuses({ workingDir }, `config.working_dir: "${workingDir}" is a descriptor of the runtime`);
  }
  equal(check({ workingDir: "/procfs/self/fd" }).workingDir, "/procfs/self/fd");
});

test("a log stays in the pod's directory (CVE-2025-0750)", () => {
  equal(check({ logPath: "a/b.log" }, { pod: { logDirectory: "" } }).logPath, "");
  equal(check({ logPath: "" }).logPath, "");
  refuses({ logPath: "/etc/x" }, 'config.log_path: "/etc/x" is not relative to the pod\'s log_directory');
  for (const logPath of ["../x", "a/../../x", "a//b", "./a", "a/", ".."]) {
    refuses({ logPath }, `config.log_path: "${logPath}" has an empty, "." or ".." component`);
    refuses({ logPath }, `config.log_path: "${logPath}" has an empty, "." or ".." component`, {
      pod: { logDirectory: "" },
    });
  }
  refuses({ logPath: "a\0" }, 'config.log_path: "a\\u0000" has a control character');
});

test("stop signals are known, stdin_once without stdin means nothing", () => {
  equal(check({ stopSignal: Signal.SIGTERM }).stopSignal, "SIGTERM");
  equal(check({ stopSignal: Signal.SIGRTMINPLUS15 }).stopSignal, "SIGRTMIN+15");
  refuses({ stopSignal: 66 as Signal }, "config.stop_signal: 66 is no known signal");
  refuses({ stopSignal: -1 as Signal }, "config.stop_signal: -1 is no known signal");
  equal(check({ stdinOnce: true }).stdinOnce, false);
});

const mount = (more: MessageInitShape<typeof MountSchema>): Config => ({
  mounts: [{ containerPath: "/data", hostPath: "/srv", ...more }],
});

test("mounts have a place and a source", () => {
  refuses(mount({ containerPath: "data" }), 'config.mounts[0].container_path: "data" is not an absolute path');
  refuses(mount({ containerPath: "" }), 'config.mounts[0].container_path: "" is not an absolute path');
  refuses(mount({ containerPath: "/a/../b" }), 'config.mounts[0].container_path: "/a/../b" has a ".." component');
  refuses(mount({ containerPath: "//" }), 'config.mounts[0].container_path: "/" is the container\'s root');
  refuses(mount({ hostPath: "" }), 'config.mounts[0].host_path: "" is not an absolute path');
  refuses(mount({ hostPath: "srv" }), 'config.mounts[0].host_path: "srv" is not an absolute path');
  refuses(mount({ hostPath: "/srv/.." }), 'config.mounts[0].host_path: "/srv/.." has a ".." component');
  refuses(mount({ hostPath: "/srv\0" }), 'config.mounts[0].host_path: "/srv\\u0000" has a control character');
  refuses(mount({ propagation: 3 as MountPropagation }), "config.mounts[0].propagation: 3 is no known propagation");
  equal(check(mount({ propagation: 2 })).mounts[0]?.propagation, "bidirectional");
});

test("recursive read-only mounts are read-only, private, and offered by the handler", () => {
  const recursiveReadOnly = true;
  const field = "config.mounts[0].recursive_read_only";
  equal(check(mount({ recursiveReadOnly, readonly: true })).mounts[0]?.recursiveReadOnly, true);
  refuses(mount({ recursiveReadOnly }), `${field}: needs readonly`);
  refuses(
    mount({ recursiveReadOnly, readonly: true, propagation: 1 }),
    `${field}: needs private propagation, not host-to-container`,
  );
  refuses(
    mount({ recursiveReadOnly, readonly: true }),
    `${field}: the runtime handler has no recursive read-only mounts`,
    {
      recursiveReadOnlyMounts: false,
    },
  );
});

test("an image is mounted read-only, and instead of a host path", () => {
  const image = { image: "busybox" };
  const of = (more: object): Config => mount({ hostPath: "", image, readonly: true, ...more });
  deepEqual(check(of({ imageSubPath: "usr/share" })).mounts[0], {
    containerPath: "/data",
    hostPath: "",
    readonly: true,
    recursiveReadOnly: false,
    selinuxRelabel: false,
    propagation: "private",
    image: "busybox",
    imageSubPath: "usr/share",
  });
  refuses(of({ hostPath: "/srv" }), 'config.mounts[0].host_path: "/srv" is given besides image');
  refuses(of({ readonly: false }), "config.mounts[0].readonly: is false; images are mounted read-only");
  refuses(of({ propagation: 2 }), "config.mounts[0].propagation: bidirectional is not for images");
  refuses(of({ imageSubPath: "../x" }), 'config.mounts[0].image_sub_path: "../x" has a ".." component');
  refuses(of({ imageSubPath: "/x" }), 'config.mounts[0].image_sub_path: "/x" is not relative to the image\'s root');
  refuses(of({ image: {} }), "config.mounts[0].image.image: is empty");
  refuses(mount({ imageSubPath: "x" }), "config.mounts[0].image_sub_path: is given without image");
});

test("id mappings of a mount come in pairs and stay within 32 bits", () => {
  const line = { containerId: 0, hostId: 65_536, length: 65_536 };
  const mapped = mount({ uidMappings: [line], gidMappings: [line] });
  deepEqual(check(mapped).mounts[0]?.idMappings, { uids: [line], gids: [line] });
  refuses(mount({ uidMappings: [line] }), "config.mounts[0].gidMappings: is empty where uidMappings is not");
  refuses(mount({ gidMappings: [line] }), "config.mounts[0].uidMappings: is empty where gidMappings is not");
  refuses(
    mount({ uidMappings: [{ ...line, length: 0 }], gidMappings: [line] }),
    "config.mounts[0].uidMappings[0].length: is 0",
  );
  refuses(
    mount({ uidMappings: [line], gidMappings: [{ ...line, length: 2 ** 32 - 1 }] }),
    "config.mounts[0].gidMappings[0]: ids 0 to 65536, 4294967295 of them, go beyond 2^32 - 2",
  );
});

test("devices have two places and known permissions, CDI devices full names", () => {
  const device = (permissions: string, hostPath = "/dev/fuse"): Config => ({
    devices: [{ containerPath: "/dev/fuse", hostPath, permissions }],
  });
  for (const permissions of ["", "x", "rr", "rwmr", "rw "]) {
    refuses(
      device(permissions),
      `config.devices[0].permissions: "${permissions}" must be one to three of "r", "w", "m"`,
    );
  }
  refuses(device("r", "/dev/../etc"), 'config.devices[0].host_path: "/dev/../etc" has a ".." component');
  for (const name of ["gpu", "vendor/class", "vendor.com/class=", "=x", "v.com/c=../x", ""]) {
    refuses(
      { CDIDevices: [{ name }] },
      `config.CDI_devices[0].name: "${name}" must be a name like vendor.com/class=device`,
    );
  }
});

test("resources are in the ranges of the kernel", () => {
  const field = "config.linux.resources";
  const resources = (more: object): Config => ({ linux: { resources: more } });
  refuses(resources({ oomScoreAdj: 1_001n }), `${field}.oom_score_adj: 1001 is not between -1000 and 1000`);
  refuses(resources({ oomScoreAdj: -1_001n }), `${field}.oom_score_adj: -1001 is not between -1000 and 1000`);
  refuses(resources({ cpuShares: -1n }), `${field}.cpu_shares: -1 is not between 0 and 9007199254740991`);
  refuses(
    resources({ memoryLimitInBytes: -2n }),
    `${field}.memory_limit_in_bytes: -2 is not between -1 and 9007199254740991`,
  );
  refuses(resources({ cpusetCpus: "0;1" }), `${field}.cpuset_cpus: "0;1" must be a list of numbers and ranges`);
  refuses(resources({ unified: { "../x": "1" } }), `${field}.unified: "../x" must be the name of a cgroup file`);
  refuses(
    resources({ hugepageLimits: [{ pageSize: "../2MB" }] }),
    `${field}.hugepage_limits[0].page_size: "../2MB" must be a size like 2MB`,
  );
  refuses(
    resources({ hugepageLimits: [{ pageSize: "2MB" }, { pageSize: "2MB" }] }),
    `${field}.hugepage_limits: has a page size twice`,
  );
  deepEqual(check(resources({ oomScoreAdj: -999n })).resources, { oomScoreAdj: -999, hugepageLimits: [], unified: {} });
});

test("a privileged container needs a privileged pod", () => {
  refuses(secured({ privileged: true }), `${context}.privileged: the pod is not privileged`);
  equal(check(secured({ privileged: true }), { pod: { privileged: true } }).security.privileged, true);
});

test("namespaces are those of the pod, whatever its kind", () => {
  const options = (namespaceOptions: object): Config => secured({ namespaceOptions });
  const { POD, CONTAINER, NODE, TARGET } = NamespaceMode;
  equal(check({}, { pod: { pid: "pod" } }).security.pid, "pod");
  equal(check({}, { pod: { pid: "node" } }).security.pid, "node");
  equal(check(options({ pid: POD }), { pod: { pid: "node" } }).security.pid, "node");
  equal(check(options({ pid: CONTAINER }), { pod: { pid: "pod" } }).security.pid, "container");
  deepEqual(check(options({ pid: TARGET, targetId: "abc" })).security.pid, { target: "abc" });
  check(options({ pid: CONTAINER, network: POD, ipc: POD }), { pod: { network: "node", ipc: "node" } });
  check(options({ pid: CONTAINER, network: NODE, ipc: NODE }), { pod: { network: "node", ipc: "node" } });
  refuses(options({ pid: NODE }), `${namespaces}.pid: NODE, but the pod does not share the host's PID namespace`);
  refuses(options({ pid: POD }), `${namespaces}.pid: POD, but the pod's is CONTAINER: it has no PID namespace`);
  refuses(options({ pid: 9 }), `${namespaces}.pid: 9 is no known mode`);
  refuses(options({ pid: TARGET }), `${namespaces}.target_id: is empty, but pid is TARGET`);
  refuses(options({ pid: TARGET, targetId: "../x" }), `${namespaces}.target_id: "../x" is no id of a container`);
  refuses(options({ pid: CONTAINER, targetId: "ab" }), `${namespaces}.target_id: is given, but pid is CONTAINER`);
  refuses(
    options({ pid: CONTAINER, network: NODE }),
    `${namespaces}.network: NODE, but the pod has a namespace of its own`,
  );
  refuses(options({ pid: CONTAINER, ipc: TARGET }), `${namespaces}.ipc: TARGET is not one of POD, NODE`);
});

test("the user namespace is that of the pod", () => {
  const line = { containerId: 0, hostId: 65_536, length: 65_536 };
  const lines = { uids: [line], gids: [line] };
  const userns = (usernsOptions: object): Config =>
    secured({ namespaceOptions: { pid: NamespaceMode.CONTAINER, usernsOptions } });
  const pod = { userNamespace: lines };
  const field = `${namespaces}.userns_options`;
  check(userns(lines), { pod });
  check(userns({ mode: NamespaceMode.NODE }));
  check({}, { pod });
  refuses(userns(lines), `${field}.mode: POD, but the pod has no user namespace of its own`);
  refuses(userns({ mode: NamespaceMode.NODE }), `${field}.mode: NODE, but the pod has a user namespace of its own`, {
    pod,
  });
  refuses(userns({ mode: NamespaceMode.TARGET }), `${field}.mode: TARGET is not one of POD, NODE`, { pod });
  refuses(userns({ ...lines, gids: [{ ...line, length: 1 }] }), `${field}.gids: differs from that of the pod`, { pod });
  refuses(userns({ ...lines, uids: [] }), `${field}.uids: differs from that of the pod`, { pod });
});

test("users and groups are ids or names, never both, and nothing that overflows (CVE-2024-40635)", () => {
  refuses(secured({ runAsUser: { value: -1n } }), `${context}.run_as_user: -1 is not between 0 and 4294967294`);
  refuses(
    secured({ runAsUser: { value: 2n ** 32n } }),
    `${context}.run_as_user: 4294967296 is not between 0 and 4294967294`,
  );
  refuses(
    secured({ runAsGroup: { value: 1n } }),
    `${context}.run_as_group: is given without run_as_user or run_as_username`,
  );
  refuses(
    secured({ runAsUser: { value: 1n }, runAsUsername: "app" }),
    `${context}.run_as_username: is given besides run_as_user`,
  );
  refuses(
    secured({ runAsUsername: "a:b:c" }),
    `${context}.run_as_username: "a:b:c" must be a user, or a user and a group with a colon`,
  );
  refuses(
    secured({ supplementalGroupsPolicy: 2 as SupplementalGroupsPolicy }),
    `${context}.supplemental_groups_policy: 2 is no known policy`,
  );
  equal(check(secured({ runAsUsername: "app", runAsGroup: { value: 5n } })).security.runAsUsername, "app");
});

test("capabilities have names, masked and read-only paths are absolute", () => {
  const capabilities = (addCapabilities: string[]): Config => secured({ capabilities: { addCapabilities } });
  deepEqual(check(capabilities(["cap_Net_Raw", "ALL"])).security.capabilities.add, ["CAP_NET_RAW", "ALL"]);
  refuses(
    capabilities(["NET_RAW", "a b"]),
    `${context}.capabilities.add_capabilities[1]: "a b" must be the name of a capability`,
  );
  refuses(capabilities([""]), `${context}.capabilities.add_capabilities[0]: "" must be the name of a capability`);
  refuses(secured({ maskedPaths: ["proc"] }), `${context}.masked_paths[0]: "proc" is not an absolute path`);
  refuses(secured({ readonlyPaths: ["/a/.."] }), `${context}.readonly_paths[0]: "/a/.." has a ".." component`);
});

test("a localhost profile without a name is not unconfined (CVE-2023-2431)", () => {
  const { Localhost, Unconfined } = ProfileType;
  const seccomp = (localhostRef: string): Config => secured({ seccomp: { profileType: Localhost, localhostRef } });
  const apparmor = (localhostRef: string): Config => secured({ apparmor: { profileType: Localhost, localhostRef } });
  for (const reference of ["", "localhost/"]) {
    refuses(seccomp(reference), `${context}.seccomp.localhost_ref: is empty`);
    refuses(apparmor(reference), `${context}.apparmor.localhost_ref: is empty`);
  }
  refuses(seccomp("x.json"), `${context}.seccomp.localhost_ref: "x.json" is not an absolute path`);
  refuses(seccomp("/a/../x"), `${context}.seccomp.localhost_ref: "/a/../x" has an empty, "." or ".." component`);
  refuses(secured({ seccompProfilePath: "localhost/" }), `${context}.seccomp_profile_path: is empty`);
  refuses(secured({ seccompProfilePath: "x" }), `${context}.seccomp_profile_path: "x" is no known profile`);
  refuses(secured({ apparmorProfile: "localhost/" }), `${context}.apparmor_profile: is empty`);
  refuses(
    secured({ apparmorProfile: "x" }),
    `${context}.apparmor_profile: "x" is not one of "runtime/default", "unconfined", "localhost/NAME"`,
  );
  deepEqual(check(seccomp("/p.json")).security.seccomp, { kind: "localhost", name: "/p.json" });
  deepEqual(check(apparmor("localhost/p")).security.apparmor, { kind: "localhost", name: "p" });
  deepEqual(check(secured({ seccompProfilePath: "docker/default" })).security.seccomp, { kind: "runtime-default" });
  deepEqual(check(secured({ apparmorProfile: "runtime/default" })).security.apparmor, { kind: "runtime-default" });
  const both = secured({ apparmor: { profileType: Unconfined }, apparmorProfile: "localhost/p" });
  deepEqual(check(both).security.apparmor, { kind: "unconfined" });
});

test("equal configurations have equal bytes, in whatever order their maps came", () => {
  const one = check({ labels: { a: "1", b: "2" }, linux: { resources: { unified: { "a.b": "1", "c.d": "2" } } } });
  const other = check({ labels: { b: "2", a: "1" }, linux: { resources: { unified: { "c.d": "2", "a.b": "1" } } } });
  deepEqual(one.config, other.config);
});
