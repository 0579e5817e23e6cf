import { deepEqual, equal, throws } from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { testContainerRequest } from "@crib/core/testing";
import { Code } from "@crib/errdefs";
import {
  CreateContainerRequestSchema,
  NamespaceMode,
  SecurityProfile_ProfileType as ProfileType,
  Signal,
  SupplementalGroupsPolicy,
} from "@crib/wire/cri";

import { check, type Config, podId, refuses, type Surroundings } from "../../testing/check-container.ts";
import { podConfig, sandboxRecord } from "../../testing/sandbox-record.ts";
import { checkContainerRequest } from "./container-request.ts";

test("a container that asks for nothing gets nothing", () => {
  const { config, ...request } = check();
  equal(typeof config, "object");
  deepEqual(
    { ...request, labels: { ...request.labels }, annotations: { ...request.annotations } },
    testContainerRequest({ sandboxId: podId }),
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
        sandbox: sandboxRecord(podId),
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

test("equal configurations have equal bytes, in whatever order their maps came", () => {
  const one = check({ labels: { a: "1", b: "2" }, linux: { resources: { unified: { "a.b": "1", "c.d": "2" } } } });
  const other = check({ labels: { b: "2", a: "1" }, linux: { resources: { unified: { "c.d": "2", "a.b": "1" } } } });
  deepEqual(one.config, other.config);
});
