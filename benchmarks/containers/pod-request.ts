import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ContainerConfigSchema,
  MountPropagation,
  NamespaceMode,
  type PodSandboxConfigSchema,
  SecurityProfile_ProfileType,
} from "@crib/wire/cri";

import { podConfig } from "../pod-sandbox/pod-cycle.ts";

/** A pod as it is asked for. */
export type PodConfig = MessageInitShape<typeof PodSandboxConfigSchema>;

/** A container as it is asked for. */
export type ContainerConfig = MessageInitShape<typeof ContainerConfigSchema>;

/** What the kubelet keeps of a pod on the host, for all pods of the benchmark. */
export interface PodFiles {
  /** Directory of the logs of a pod. */
  readonly logs: string;
  readonly hosts: string;
  readonly serviceAccount: string;
  readonly terminationLog: string;
  /** Directory that containers see as /in. */
  readonly input: string;
}

/** Makes the files below `dir`. */
export function makePodFiles(dir: string): PodFiles {
  const at = (name: string): string => join(dir, name);
  const files = {
    logs: at("logs"),
    hosts: at("etc-hosts"),
    serviceAccount: at("serviceaccount"),
    terminationLog: at("termination-log"),
    input: at("in"),
  };
  for (const directory of [dir, files.logs, files.serviceAccount, files.input]) {
    mkdirSync(directory);
    chmodSync(directory, 0o755);
  }
  writeFileSync(files.hosts, "127.0.0.1 localhost\n", { mode: 0o644 });
  writeFileSync(join(files.serviceAccount, "token"), "token", { mode: 0o644 });
  writeFileSync(files.terminationLog, "", { mode: 0o666 });
  return files;
}

/** An ordinary pod of the kubelet, its logs in a directory of their own. */
export function podOf({ logs }: PodFiles): PodConfig {
  const config = podConfig("container");
  return { ...config, logDirectory: join(logs, config.metadata?.uid ?? "") };
}

const maskedPaths = "asound acpi kcore keys latency_stats timer_list timer_stats sched_debug scsi"
  .split(" ")
  .map((name) => `/proc/${name}`);
const readonlyPaths = "bus fs irq sys sysrq-trigger".split(" ").map((name) => `/proc/${name}`);

/** What the kubelet sends for a container with small requests and a memory limit, and with the RuntimeDefault seccomp profile. */
export function containerOf(
  name: string,
  image: string,
  command: readonly string[],
  { hosts, serviceAccount, terminationLog, input }: PodFiles,
): ContainerConfig {
  const mount = (containerPath: string, hostPath: string, readonly: boolean) => ({
    containerPath,
    hostPath,
    readonly,
    propagation: MountPropagation.PROPAGATION_PRIVATE,
  });
  return {
    metadata: { name, attempt: 0 },
    image: { image, userSpecifiedImage: "crib.example/bench/busybox:latest" },
    command: [...command],
    envs: [
      { key: "KUBERNETES_SERVICE_HOST", value: Buffer.from("10.96.0.1") },
      { key: "KUBERNETES_SERVICE_PORT", value: Buffer.from("443") },
      { key: "KUBERNETES_PORT", value: Buffer.from("tcp://10.96.0.1:443") },
    ],
    mounts: [
      mount("/var/run/secrets/kubernetes.io/serviceaccount", serviceAccount, true),
      mount("/etc/hosts", hosts, false),
      mount("/dev/termination-log", terminationLog, false),
      mount("/in", input, true),
    ],
    labels: { "io.kubernetes.container.name": name, "io.kubernetes.pod.namespace": "bench" },
    annotations: {
      "io.kubernetes.container.hash": "5f1b0c7e",
      "io.kubernetes.container.restartCount": "0",
      "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
      "io.kubernetes.container.terminationMessagePolicy": "File",
      "io.kubernetes.pod.terminationGracePeriod": "30",
    },
    logPath: `${name}/0.log`,
    linux: {
      resources: {
        cpuPeriod: 100_000n,
        cpuShares: 102n,
        memoryLimitInBytes: 256n * 1024n * 1024n,
        oomScoreAdj: 985n,
      },
      securityContext: {
        namespaceOptions: {
          network: NamespaceMode.POD,
          pid: NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
        },
        runAsUser: { value: 0n },
        maskedPaths,
        readonlyPaths,
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
      },
    },
  };
}
