import type { ContainerRequest } from "@crib/core/containers";
import type { SandboxRecord } from "@crib/core/sandbox";
import type { ContainerConfig, CreateContainerRequest, PodSandboxConfig } from "@crib/wire/cri";

import { encodeContainerConfig } from "../../conversion/container/container-config.ts";
import { checkImageName } from "../image-name.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkStringMap } from "../values/string-map.ts";
import { checkText } from "../values/text.ts";
import { checkArguments } from "./command.ts";
import { checkContainerIdentity } from "./container-identity.ts";
import { checkContainerResources } from "./container-resources.ts";
import { checkContainerSecurity } from "./container-security.ts";
import { checkCdiDevices, checkDevices } from "./devices.ts";
import { checkEnvs } from "./envs.ts";
import { checkLogPath } from "./log-path.ts";
import { checkMounts } from "./mounts.ts";
import { refuseRestore } from "./refuse-restore.ts";
import { checkStopSignal } from "./stop-signal.ts";
import { checkWorkingDir } from "./working-dir.ts";

/** What a request is checked against. */
export interface ContainerRules {
  /** The pod that the container is made in. */
  readonly sandbox: SandboxRecord;
  /** What the pod's runtime handler can do. */
  readonly recursiveReadOnlyMounts: boolean;
}

/**
 * Everything that a CreateContainer asks for, checked. Fails with InvalidArgument and the name of the field. What the image and
 * the host say of it (whether paths, users, devices exist) is not looked at.
 */
export function checkContainerRequest(request: CreateContainerRequest, rules: ContainerRules): ContainerRequest {
  const { config, sandboxConfig } = request;
  if (!config) throw invalid("config", "is missing");
  if (config.windows) throw invalid("config.windows", "this runtime runs containers of Linux");
  refuseRestore(config.image);
  const { id, plan } = rules.sandbox;
  checkSamePod(sandboxConfig, plan.pod);
  return {
    sandboxId: id,
    ...checkContainerIdentity(config.metadata),
    config: encodeContainerConfig(config),
    image: checkImageName(config.image, "config.image"),
    userSpecifiedImage: checkText("config.image.user_specified_image", config.image?.userSpecifiedImage ?? "", {
      maxBytes: 4_096,
    }),
    ...checkProcess(config),
    mounts: checkMounts(config.mounts, rules),
    devices: checkDevices(config.devices),
    cdiDevices: checkCdiDevices(config.CDIDevices),
    labels: checkStringMap("config.labels", config.labels),
    annotations: checkStringMap("config.annotations", config.annotations),
    logPath: checkLogPath(plan.logDirectory, config.logPath),
    resources: checkContainerResources("config.linux.resources", config.linux?.resources, { initial: true }),
    security: checkContainerSecurity(config.linux?.securityContext, plan),
  };
}

type ProcessPart = Pick<
  ContainerRequest,
  "command" | "args" | "workingDir" | "envs" | "stdin" | "stdinOnce" | "tty" | "stopSignal"
>;

function checkProcess(config: ContainerConfig): ProcessPart {
  return {
    command: checkArguments("config.command", config.command),
    args: checkArguments("config.args", config.args),
    workingDir: checkWorkingDir(config.workingDir),
    envs: checkEnvs(config.envs),
    stdin: config.stdin,
    // Kubernetes lets pods say so without stdin, where it means nothing.
    stdinOnce: config.stdin && config.stdinOnce,
    tty: config.tty,
    stopSignal: checkStopSignal(config.stopSignal),
  };
}

/** The pod was made from its configuration; the copy in this request is only compared, lest a container get into another's pod. */
function checkSamePod(config: PodSandboxConfig | undefined, pod: SandboxRecord["plan"]["pod"]): void {
  if (!config?.metadata) return;
  for (const key of ["name", "namespace", "uid"] as const) {
    const given = config.metadata[key];
    if (given !== pod[key]) {
      throw invalid(`sandbox_config.metadata.${key}`, `${quote(given)} is not that of the sandbox, ${quote(pod[key])}`);
    }
  }
}
