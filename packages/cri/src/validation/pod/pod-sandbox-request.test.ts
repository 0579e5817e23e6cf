import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { PodSandboxRequest } from "@crib/core/sandbox";
import { testPodSandboxRequest } from "@crib/core/testing";
import { Code } from "@crib/errdefs";
import {
  type LinuxSandboxSecurityContextSchema,
  NamespaceMode,
  type PodSandboxConfigSchema,
  RunPodSandboxRequestSchema,
} from "@crib/wire/cri";
import { PodSandboxConfigSchema as ConfigSchema } from "@crib/wire/cri";

import { runcHandler } from "../../testing/runc-handler.ts";
import { podConfig } from "../../testing/sandbox-record.ts";
import { checkPodSandboxRequest, type RequestRules } from "./pod-sandbox-request.ts";

type Config = MessageInitShape<typeof PodSandboxConfigSchema>;
type Context = MessageInitShape<typeof LinuxSandboxSecurityContextSchema>;

const rules: RequestRules = {
  handlers: {
    defaultName: "runc",
    all: [
      { handler: runcHandler, recursiveReadOnlyMounts: true, userNamespaces: true },
      { handler: { ...runcHandler, name: "kata" }, recursiveReadOnlyMounts: false, userNamespaces: false },
    ],
  },
  features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false },
};

function check(config: Config, runtimeHandler = ""): PodSandboxRequest {
  return checkPodSandboxRequest(create(RunPodSandboxRequestSchema, { config, runtimeHandler }), rules);
}

const pod = (more: Config): PodSandboxRequest => check(podConfig(more));
const secured = (securityContext: Context): Config => ({ linux: { securityContext } });

/** The field named in the message must be the one that is wrong. */
function refuses(config: Config, field: string, handler?: string): void {
  throws(
    () => check(podConfig(config), handler),
    (error: Error & { code: number }) => {
      equal(error.code, Code.InvalidArgument, error.message);
      ok(error.message.startsWith(`invalid ${field}: `), `${error.message}, not of ${field}`);
      ok(!/\p{Cc}/u.test(error.message), "a control character in the message");
      return true;
    },
    `${field}: ${JSON.stringify(config, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value)).slice(0, 200)}`,
  );
}

test("a pod that asks for nothing gets namespaces of its own and no more", () => {
  const request = pod({});
  deepEqual(
    { ...request, config: 0, labels: { ...request.labels }, annotations: { ...request.annotations } },
    {
      ...testPodSandboxRequest({ pod: { name: "web", namespace: "default", uid: "uid-1", attempt: 1 } }),
      config: 0,
    },
  );
});

test("what a kubelet sends comes through", () => {
  const request = pod({
    hostname: "web-0",
    logDirectory: "/var/log/pods/default_web_uid-1/",
    dnsConfig: {
      servers: ["10.96.0.10", "fd00::a"],
      searches: ["default.svc.cluster.local", "."],
      options: ["ndots:5"],
    },
    portMappings: [{ protocol: 1, containerPort: 53, hostPort: 5353, hostIp: "127.0.0.1" }, { containerPort: 80 }],
    labels: { "io.kubernetes.pod.name": "web" },
    annotations: { "kubernetes.io/ingress-bandwidth": "10M", document: "line one\nline two" },
    linux: {
      cgroupParent: "/kubepods/burstable/poduid-1",
      sysctls: {
        "net.ipv4.ip_unprivileged_port_start": "0",
        "kernel/shm_rmid_forced": "1",
        "fs.mqueue.msg_max": "100",
      },
      resources: { cpuShares: 102n, cpuPeriod: 100_000n, cpuQuota: -1n, memoryLimitInBytes: 1n << 30n },
      overhead: { memoryLimitInBytes: 64n << 20n, unified: { "memory.high": "1000" } },
      securityContext: {
        namespaceOptions: { pid: NamespaceMode.CONTAINER },
        seccomp: { profileType: 2, localhostRef: "/var/lib/kubelet/seccomp/p.json" },
        runAsUser: { value: 0n },
        runAsGroup: { value: 4_294_967_294n },
        supplementalGroups: [1n, 2n],
        selinuxOptions: { level: "s0:c1,c2" },
        readonlyRootfs: true,
        privileged: true,
      },
    },
  });
  equal(request.hostname, "web-0");
  equal(request.logDirectory, "/var/log/pods/default_web_uid-1");
  deepEqual(request.dns?.servers, ["10.96.0.10", "fd00::a"]);
  deepEqual(request.portMappings, [
    { protocol: "udp", containerPort: 53, hostPort: 5353, hostIp: "127.0.0.1" },
    { protocol: "tcp", containerPort: 80, hostPort: 0, hostIp: "" },
  ]);
  deepEqual(request.bandwidth, { ingressRate: 10_000_000, ingressBurst: 4_294_967_295 });
  equal(request.annotations["document"], "line one\nline two");
  deepEqual(request.sysctls, {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "kernel.shm_rmid_forced": "1",
    "fs.mqueue.msg_max": "100",
  });
  deepEqual(request.resources, { cpuShares: 102, cpuPeriod: 100_000, memoryLimitBytes: 2 ** 30 });
  deepEqual(request.overhead, { memoryLimitBytes: 2 ** 26, unified: { "memory.high": "1000" } });
  deepEqual(request.security, {
    runAsUser: 0,
    runAsGroup: 4_294_967_294,
    supplementalGroups: [1, 2],
    readonlyRootfs: true,
    selinux: { user: "", role: "", type: "", level: "s0:c1,c2" },
    seccomp: { kind: "localhost", path: "/var/lib/kubelet/seccomp/p.json" },
  });
  equal(request.pid, "container");
  equal(request.privileged, true);
});

test("the pod must be named, by names that stay in their place", () => {
  const named = (more: object): Config => ({ metadata: { name: "web", namespace: "default", uid: "u", ...more } });
  refuses({ metadata: undefined }, "config.metadata");
  for (const field of ["name", "namespace", "uid"]) {
    for (const value of [
      "",
      "a b",
      "a/b",
      "..",
      "a;IgnoreUnknown",
      "a=b",
      "a\nb",
      "a\0b",
      "ö",
      "-a",
      "x".repeat(254),
    ]) {
      refuses(named({ [field]: value }), `config.metadata.${field}`);
    }
  }
  equal(pod(named({ name: "PodSandbox-for-port-mapping-1b4e28ba-2fa1-11d2-883f-0016d3cca427" })).pod.uid, "u");
  throws(() => checkPodSandboxRequest(create(RunPodSandboxRequestSchema, {}), rules), {
    message: "invalid config: is missing",
  });
  refuses({ windows: {} }, "config.windows");
});

test("strings that reach a file or an argument have no control characters and no detours", () => {
  for (const hostname of ["a b", "a\nb", "a\0", "-a", "a-", "x".repeat(65), "ä", "a/b"]) {
    refuses({ hostname }, "config.hostname");
  }
  for (const logDirectory of ["logs", "/a/../b", "/a//b", "/a/./b", "/a\nb", `/${"x".repeat(5_000)}`, ".."]) {
    refuses({ logDirectory }, "config.log_directory");
  }
  for (const cgroupParent of [
    "pods",
    "../x",
    "/a/../b",
    "a/b.slice",
    "..slice/x.slice",
    "/a\nb",
    "x.slice ",
    ".slice",
  ]) {
    refuses({ linux: { cgroupParent } }, "config.linux.cgroup_parent");
  }
  equal(
    pod({ linux: { cgroupParent: "kubepods-besteffort-pod1_2.slice" } }).cgroupParent,
    "kubepods-besteffort-pod1_2.slice",
  );
  equal(pod({ linux: { cgroupParent: "/test.slice" } }).cgroupParent, "/test.slice");
  for (const server of ["", "dns", "10.0.0.1\nnameserver 1.1.1.1", "10.0.0.256", "1.1.1.1 2.2.2.2"]) {
    refuses({ dnsConfig: { servers: [server] } }, "config.dns_config.servers");
  }
  refuses({ dnsConfig: { servers: Array.from({ length: 33 }, () => "1.1.1.1") } }, "config.dns_config.servers");
  refuses({ dnsConfig: { searches: ["a b"] } }, "config.dns_config.searches");
  refuses({ dnsConfig: { searches: ["a\nnameserver 6.6.6.6"] } }, "config.dns_config.searches");
  refuses({ dnsConfig: { options: ["ndots:5 rotate"] } }, "config.dns_config.options");
});

test("port mappings have known protocols, ports and addresses", () => {
  const mapping = "config.port_mappings[0]";
  refuses({ portMappings: [{ protocol: 3 as 0, hostPort: 1 }] }, `${mapping}.protocol`);
  refuses({ portMappings: [{ hostPort: 65_536 }] }, `${mapping}.host_port`);
  refuses({ portMappings: [{ hostPort: -1 }] }, `${mapping}.host_port`);
  refuses({ portMappings: [{ containerPort: 70_000 }] }, `${mapping}.container_port`);
  refuses({ portMappings: [{ hostIp: "localhost" }] }, `${mapping}.host_ip`);
});

test("sysctls of the host, of shared namespaces, and values that hold a second one are refused (CVE-2022-0811, CVE-2022-0532)", () => {
  const field = "config.linux.sysctls";
  const keys = [
    "kernel.core_pattern",
    "kernel.hostname",
    "kernel.domainname",
    "vm.swappiness",
    "fs.file-max",
    "kernel.shm_evil",
    "net",
    "net.ipv4..x",
    "net.ipv4.conf.../x",
    "net/../kernel/core_pattern",
    "../kernel.shmmax",
    "net.ipv4.x\n",
    "NET.ipv4.x",
    "",
  ];
  for (const key of keys) refuses({ linux: { sysctls: { [key]: "1" } } }, field);
  for (const value of [
    "1+kernel.core_pattern=|/x",
    "1\nkernel.core_pattern=2",
    "1\0",
    "a=b",
    "|/bin/sh",
    "1".repeat(2_000),
  ]) {
    refuses({ linux: { sysctls: { "net.ipv4.ip_forward": value } } }, field);
  }
  const shared = (namespaceOptions: object, key: string): Config => ({
    linux: { sysctls: { [key]: "1" }, securityContext: { namespaceOptions } },
  });
  refuses(shared({ network: NamespaceMode.NODE }, "net.ipv4.ip_forward"), field);
  refuses(shared({ ipc: NamespaceMode.NODE }, "kernel.shmmax"), field);
  refuses(shared({ ipc: NamespaceMode.NODE }, "fs.mqueue.msg_max"), field);
  refuses({ linux: { sysctls: { "net.ipv4.tcp_mem": "1", "net/ipv4/tcp_mem": "2" } } }, field);
  deepEqual(
    pod({
      linux: { sysctls: { "net.ipv4.ip_local_port_range": "1024\t65000", "net/ipv4/conf/eth0.1/arp_ignore": "" } },
    }).sysctls,
    {
      "net.ipv4.ip_local_port_range": "1024 65000",
      "net.ipv4.conf.eth0/1.arp_ignore": "",
    },
  );
});

test("namespace modes that a sandbox cannot have are refused", () => {
  const field = "config.linux.security_context.namespace_options";
  for (const mode of [NamespaceMode.CONTAINER, NamespaceMode.TARGET, 9 as NamespaceMode, -1 as NamespaceMode]) {
    refuses(secured({ namespaceOptions: { network: mode } }), `${field}.network`);
    refuses(secured({ namespaceOptions: { ipc: mode } }), `${field}.ipc`);
    if (mode !== NamespaceMode.CONTAINER) refuses(secured({ namespaceOptions: { pid: mode } }), `${field}.pid`);
  }
});

test("a user namespace has one mapping each, from id 0 on, and a handler that can make it", () => {
  const field = "config.linux.security_context.namespace_options.userns_options";
  const one = { containerId: 0, hostId: 65_536, length: 65_536 };
  const userns = (uids: object[], gids: object[], mode: NamespaceMode = NamespaceMode.POD): Config =>
    secured({ namespaceOptions: { usernsOptions: { mode, uids, gids } } });
  deepEqual(pod(userns([one], [one])).userNamespace, { uids: [one], gids: [one] });
  equal(pod(userns([], [], NamespaceMode.NODE)).userNamespace, undefined);
  refuses(userns([one, one], [one]), `${field}.uids`);
  refuses(userns([one], []), `${field}.gids`);
  refuses(userns([{ ...one, containerId: 1 }], [one]), `${field}.uids`);
  refuses(userns([one], [{ ...one, length: 0 }]), `${field}.gids`);
  refuses(userns([{ ...one, hostId: 4_294_967_295 }], [one]), `${field}.uids`);
  refuses(userns([{ ...one, hostId: 0, length: 4_294_967_295 + 1 - 1 }], [{ ...one, length: 0 }]), `${field}.gids`);
  refuses(userns([one], [one], NamespaceMode.NODE), field);
  refuses(userns([], [], NamespaceMode.CONTAINER), `${field}.mode`);
  refuses(userns([], [], NamespaceMode.TARGET), `${field}.mode`);
  refuses(userns([one], [one]), "runtime_handler", "kata");
  const context = { usernsOptions: { uids: [one], gids: [one] }, network: NamespaceMode.NODE };
  refuses(secured({ namespaceOptions: context }), "config.linux");
});

test("users and groups are ids, nothing that becomes one by overflow (CVE-2024-40635)", () => {
  const field = "config.linux.security_context";
  for (const value of [-1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    refuses(secured({ runAsUser: { value } }), `${field}.run_as_user`);
    refuses(secured({ runAsUser: { value: 1n }, runAsGroup: { value } }), `${field}.run_as_group`);
    refuses(secured({ supplementalGroups: [1n, value] }), `${field}.supplemental_groups`);
  }
  refuses(secured({ runAsGroup: { value: 1n } }), `${field}.run_as_group`);
  refuses(secured({ supplementalGroupsPolicy: 2 as 0 }), `${field}.supplemental_groups_policy`);
  refuses(secured({ selinuxOptions: { type: "a b" } }), `${field}.selinux_options.type`);
  refuses(secured({ apparmor: { profileType: 5 as 0 } }), `${field}.apparmor.profile_type`);
  refuses(secured({ apparmor: { profileType: 2 } }), `${field}.apparmor.localhost_ref`);
});

test("a localhost seccomp profile without a path is not unconfined (CVE-2023-2431)", () => {
  const field = "config.linux.security_context";
  const kind = (context: Context): string => pod(secured(context)).security.seccomp.kind;
  equal(kind({ seccomp: { profileType: 0 } }), "runtime-default");
  equal(kind({ seccomp: { profileType: 1 } }), "unconfined");
  equal(kind({ seccompProfilePath: "docker/default" }), "runtime-default");
  equal(kind({ seccompProfilePath: "localhost//a/b.json" }), "localhost");
  equal(kind({ seccomp: { profileType: 0 }, seccompProfilePath: "unconfined" }), "runtime-default");
  for (const localhostRef of ["", "a", "/a/../b", "/a\nb"]) {
    refuses(secured({ seccomp: { profileType: 2, localhostRef } }), `${field}.seccomp.localhost_ref`);
  }
  refuses(secured({ seccomp: { profileType: 3 as 0 } }), `${field}.seccomp.profile_type`);
  for (const path of ["localhost/", "localhost/a", "default", "/a"]) {
    refuses(secured({ seccompProfilePath: path }), `${field}.seccomp_profile_path`);
  }
});

test("labels and annotations keep every key, whatever it means to JavaScript", () => {
  const map = Object.fromEntries([
    ["__proto__", "a"],
    ["constructor", "b"],
    ["toString", "c"],
  ]);
  const request = pod({ labels: map, annotations: map });
  deepEqual(new Map(Object.entries(request.labels)), new Map(Object.entries(map)));
  equal(Object.getPrototypeOf(request.annotations), null);
  equal(({} as Record<string, unknown>)["a"], undefined);
  refuses({ labels: { "": "x" } }, "config.labels");
  refuses({ labels: { "a\nb": "x" } }, "config.labels");
  refuses({ annotations: { a: "x\0" } }, "config.annotations");
  refuses({ annotations: { a: "x".repeat(600_000) } }, "config.annotations");
});

test("bandwidth is a quantity between 1k and 1P", () => {
  for (const text of ["", "fast", "999", "1.1P", "-1M", "1e99", "0x10", "1M "]) {
    const key = "kubernetes.io/egress-bandwidth";
    refuses({ annotations: { [key]: text } }, `config.annotations[${key}]`);
  }
  const annotations = { "kubernetes.io/ingress-bandwidth": "1k", "kubernetes.io/egress-bandwidth": "1P" };
  const { bandwidth } = pod({ annotations });
  equal(bandwidth?.ingressRate, 1_000);
  equal(bandwidth?.egressRate, 1e15);
});

test("resources are numbers that JavaScript holds exactly", () => {
  refuses({ linux: { resources: { cpuShares: -1n } } }, "config.linux.resources.cpu_shares");
  refuses({ linux: { resources: { memoryLimitInBytes: 2n ** 53n } } }, "config.linux.resources.memory_limit_in_bytes");
  refuses({ linux: { overhead: { cpuQuota: -2n } } }, "config.linux.overhead.cpu_quota");
  refuses({ linux: { resources: { cpusetCpus: "0-1\n" } } }, "config.linux.resources.cpuset_cpus");
  refuses({ linux: { resources: { unified: { "../memory.max": "1" } } } }, "config.linux.resources.unified");
});

test("a handler that is not configured is refused by name, with those that are", () => {
  throws(() => check(podConfig(), "gvisor"), {
    code: Code.InvalidArgument,
    message: 'invalid runtime_handler: no handler "gvisor" is configured, only "runc", "kata"',
  });
  equal(check(podConfig(), "kata").runtimeHandler, "kata");
});

test("equal configurations have equal bytes, in whatever order their maps came", () => {
  const annotations = Object.entries({ b: "1", a: "2", "10": "3", z: "4" });
  const bytes = (entries: [string, string][]): string => {
    const map = Object.fromEntries(entries);
    return Buffer.from(
      pod({ annotations: map, labels: map, linux: { sysctls: { "net.b": "1", "net.a": "2" } } }).config,
    ).toString("hex");
  };
  const forward = bytes(annotations);
  equal(forward, bytes(annotations.toReversed()));
  deepEqual({ ...fromBinary(ConfigSchema, Buffer.from(forward, "hex")).annotations }, Object.fromEntries(annotations));
});
