import { deepEqual, throws } from "node:assert/strict";
import { test } from "node:test";

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code } from "@crib/errdefs";
import { NamespaceMode, PodSandboxConfigSchema, SecurityProfile_ProfileType } from "@crib/wire/cri";

import { deriveSandbox } from "./derive-sandbox.ts";

const places = { rootDir: "/var/x/a", stateDir: "/run/x/a" };
const request = { sandboxId: "a", netnsPath: "/run/netns/n", annotations: {}, runtimeHandler: "h", sandbox: undefined };

function derive(config: MessageInitShape<typeof PodSandboxConfigSchema>, more: object = {}) {
  const options = anyPack(PodSandboxConfigSchema, create(PodSandboxConfigSchema, config));
  return deriveSandbox({ ...request, options, ...more }, places);
}

test("all that a controller is told of is taken from the configuration", () => {
  const config = create(PodSandboxConfigSchema, {
    metadata: { name: "Web.", namespace: "default", uid: "u", attempt: 2 },
    labels: { app: "web" },
    annotations: { one: "1", two: "2" },
    linux: {
      cgroupParent: "/pods",
      sysctls: { "kernel.shm_rmid_forced": "1" },
      overhead: { memoryLimitInBytes: 5n },
      resources: { cpuShares: 2n, cpusetCpus: "0", unified: { "memory.high": "9" } },
      securityContext: {
        privileged: true,
        runAsUser: { value: 1000n },
        supplementalGroups: [7n],
        readonlyRootfs: true,
        selinuxOptions: { user: "u", role: "r", type: "t", level: "l" },
        seccomp: { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: "/p.json" },
        namespaceOptions: {
          pid: NamespaceMode.POD,
          usernsOptions: {
            mode: NamespaceMode.POD,
            uids: [{ containerId: 0, hostId: 65_536, length: 10 }],
            gids: [{ containerId: 0, hostId: 65_536, length: 10 }],
          },
        },
      },
    },
  });
  const mappings = [{ containerId: 0, hostId: 65_536, length: 10 }];
  deepEqual(derive(config, { annotations: { two: "B" } }), {
    id: "a",
    pod: { name: "Web.", namespace: "default", uid: "u", attempt: 2 },
    runtimeHandler: "h",
    hostname: "web",
    labels: { app: "web" },
    annotations: { one: "1", two: "B" },
    namespaces: { net: "/run/netns/n" },
    pidMode: "pod",
    hostNetwork: false,
    hostIpc: false,
    privileged: true,
    uidMappings: mappings,
    gidMappings: mappings,
    security: {
      runAsUser: 1_000,
      supplementalGroups: [7],
      readonlyRootfs: true,
      selinux: { user: "u", role: "r", type: "t", level: "l" },
      seccomp: { kind: "localhost", path: "/p.json" },
    },
    sysctls: { "kernel.shm_rmid_forced": "1" },
    cgroupPath: "/pods/crib-a",
    resources: { cpuShares: 2, cpusetCpus: "0", unified: { "memory.high": "9" } },
    overhead: { memoryLimitBytes: 5 },
    ...places,
    shmPath: "/run/x/a/shm",
    config: toBinary(PodSandboxConfigSchema, config),
  });
});

test("a pod of the host's namespaces has none, and the host's shm", () => {
  const namespaceOptions = { network: NamespaceMode.NODE, ipc: NamespaceMode.NODE, pid: NamespaceMode.NODE };
  const sandbox = derive({ hostname: "told", linux: { securityContext: { namespaceOptions } } });
  const { hostNetwork, hostIpc, pidMode, namespaces, shmPath, hostname } = sandbox;
  deepEqual(
    { hostNetwork, hostIpc, pidMode, namespaces, shmPath, hostname },
    { hostNetwork: true, hostIpc: true, pidMode: "node", namespaces: {}, shmPath: "/dev/shm", hostname: "told" },
  );
});

test("of a pod without options only its id and network are known", () => {
  const { hostname, pidMode, config } = deriveSandbox({ ...request, options: undefined }, places);
  deepEqual({ hostname, pidMode, config }, { hostname: "a", pidMode: "container", config: new Uint8Array() });
});

test("options that are something else are refused by what they are", () => {
  const options = { ...anyPack(PodSandboxConfigSchema, create(PodSandboxConfigSchema)), typeUrl: "x/other.Config" };
  throws(() => deriveSandbox({ ...request, options }, places), {
    code: Code.InvalidArgument,
    message: /sandbox "a": its options are "x\/other\.Config"/,
  });
});
