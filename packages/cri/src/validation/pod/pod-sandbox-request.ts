import type { PodSandboxRequest } from "@crib/core/sandbox";
import type { LinuxPodSandboxConfig, RunPodSandboxRequest } from "@crib/wire/cri";

import { encodePodConfig } from "../../conversion/pod/pod-config.ts";
import type { RuntimeFeatures, RuntimeHandlers } from "../../types.ts";
import { checkCgroupParent } from "../linux/cgroup-parent.ts";
import { checkNamespaces } from "../linux/namespaces.ts";
import { checkResources } from "../linux/resources.ts";
import { checkSecurity } from "../linux/security.ts";
import { checkSysctls } from "../linux/sysctls.ts";
import { checkUserNamespace } from "../linux/user-namespace.ts";
import { findHandler } from "../runtime-handler.ts";
import { invalid, quote } from "../values/invalid.ts";
import { checkStringMap } from "../values/string-map.ts";
import { checkBandwidth } from "./bandwidth.ts";
import { checkDns } from "./dns.ts";
import { checkHostname } from "./hostname.ts";
import { checkLogDirectory } from "./log-directory.ts";
import { checkPodIdentity } from "./pod-identity.ts";
import { checkPortMappings } from "./port-mappings.ts";

/** What a request is checked against. */
export interface RequestRules {
  readonly handlers: RuntimeHandlers;
  readonly features: RuntimeFeatures;
}

/**
 * Everything that a RunPodSandbox asks for, checked. Fails with InvalidArgument and the name of the field; nothing in
 * the result can leave the line, the path or the map it is written to.
 */
export function checkPodSandboxRequest(request: RunPodSandboxRequest, rules: RequestRules): PodSandboxRequest {
  const { config, runtimeHandler } = request;
  if (!config) throw invalid("config", "is missing");
  if (config.windows) throw invalid("config.windows", "this runtime runs pods of Linux");
  const pod = checkPodIdentity(config.metadata);
  const annotations = checkStringMap("config.annotations", config.annotations);
  const dns = checkDns(config.dnsConfig);
  const bandwidth = checkBandwidth(annotations);
  return {
    pod,
    runtimeHandler,
    config: encodePodConfig(config),
    labels: checkStringMap("config.labels", config.labels),
    annotations,
    hostname: checkHostname(config.hostname),
    logDirectory: checkLogDirectory(config.logDirectory),
    ...(dns && { dns }),
    portMappings: checkPortMappings(config.portMappings),
    ...(bandwidth && { bandwidth }),
    ...checkLinux(config.linux, runtimeHandler, rules),
  };
}

type LinuxPart = Pick<
  PodSandboxRequest,
  | "network"
  | "ipc"
  | "pid"
  | "userNamespace"
  | "sysctls"
  | "privileged"
  | "security"
  | "cgroupParent"
  | "resources"
  | "overhead"
>;

function checkLinux(linux: LinuxPodSandboxConfig | undefined, handlerName: string, rules: RequestRules): LinuxPart {
  const context = linux?.securityContext;
  const modes = checkNamespaces(context?.namespaceOptions);
  const userNamespace = checkUserNamespace(context?.namespaceOptions?.usernsOptions);
  const { handler, userNamespaces } = findHandler(rules.handlers, handlerName);
  if (userNamespace && !userNamespaces) {
    throw invalid("runtime_handler", `handler ${quote(handler.name)} has no user namespaces`);
  }
  if (userNamespace && modes.network === "node" && !rules.features.userNamespacesHostNetwork) {
    throw invalid("config.linux", "a pod with the host's network cannot have a user namespace");
  }
  return {
    ...modes,
    ...(userNamespace && { userNamespace }),
    sysctls: checkSysctls(linux?.sysctls ?? {}, modes),
    privileged: context?.privileged ?? false,
    security: checkSecurity(context),
    cgroupParent: checkCgroupParent(linux?.cgroupParent ?? ""),
    resources: checkResources("config.linux.resources", linux?.resources),
    overhead: checkResources("config.linux.overhead", linux?.overhead),
  };
}
