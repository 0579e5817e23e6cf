import { create } from "@bufbuild/protobuf";
import type { ContainerSecurity, ProfileRequest } from "@crib/core/containers";
import type { SandboxPlan } from "@crib/core/sandbox";
import { type LinuxContainerSecurityContext, LinuxContainerSecurityContextSchema } from "@crib/wire/cri";

import { checkApparmor } from "../linux/apparmor.ts";
import { checkGroups, checkUserId } from "../linux/identity.ts";
import { checkSeccomp } from "../linux/seccomp.ts";
import { checkSelinux } from "../linux/selinux.ts";
import { checkMountPath } from "../values/absolute-path.ts";
import { invalid } from "../values/invalid.ts";
import { checkCount, checkText } from "../values/text.ts";
import { checkCapabilities } from "./capabilities.ts";
import { checkContainerNamespaces, type PodNamespaces } from "./container-namespaces.ts";

const field = "config.linux.security_context";
/** The name or number of a user, a colon and that of a group. No system has longer ones. */
const username = {
  maxBytes: 256,
  pattern: /^[^\s:]+(?::[^\s:]+)?$/,
  form: "a user, or a user and a group with a colon",
};

/** The security context of a container in its pod. */
export function checkContainerSecurity(
  given: LinuxContainerSecurityContext | undefined,
  pod: PodNamespaces & Pick<SandboxPlan, "privileged">,
): ContainerSecurity {
  const context = given ?? create(LinuxContainerSecurityContextSchema);
  if (context.privileged && !pod.privileged) throw invalid(`${field}.privileged`, "the pod is not privileged");
  const selinux = checkSelinux(context.selinuxOptions);
  const seccomp = toProfile(checkSeccomp(context));
  const apparmor = checkApparmor(context.apparmor, context.apparmorProfile);
  const { groups, policy } = checkGroups(context.supplementalGroups, context.supplementalGroupsPolicy);
  return {
    privileged: context.privileged,
    pid: checkContainerNamespaces(context.namespaceOptions, pod),
    capabilities: checkCapabilities(context.capabilities),
    ...(selinux && { selinux }),
    ...checkUser(context),
    supplementalGroups: groups,
    supplementalGroupsPolicy: policy,
    readonlyRootfs: context.readonlyRootfs,
    noNewPrivileges: context.noNewPrivs,
    maskedPaths: checkPaths(`${field}.masked_paths`, context.maskedPaths),
    readonlyPaths: checkPaths(`${field}.readonly_paths`, context.readonlyPaths),
    ...(seccomp && { seccomp }),
    ...(apparmor && { apparmor }),
  };
}

function checkUser({
  runAsUser,
  runAsGroup,
  runAsUsername,
}: LinuxContainerSecurityContext): Pick<ContainerSecurity, "runAsUser" | "runAsGroup" | "runAsUsername"> {
  const user = checkUserId("run_as_user", runAsUser?.value);
  const group = checkUserId("run_as_group", runAsGroup?.value);
  if (user !== undefined && runAsUsername !== "") {
    throw invalid(`${field}.run_as_username`, "is given besides run_as_user");
  }
  if (group !== undefined && user === undefined && runAsUsername === "") {
    throw invalid(`${field}.run_as_group`, "is given without run_as_user or run_as_username");
  }
  return {
    ...(user !== undefined && { runAsUser: user }),
    ...(group !== undefined && { runAsGroup: group }),
    ...(runAsUsername !== "" && { runAsUsername: checkText(`${field}.run_as_username`, runAsUsername, username) }),
  };
}

function checkPaths(name: string, paths: readonly string[]): string[] {
  checkCount(name, paths.length, 1_024);
  return paths.map((path, index) => checkMountPath(`${name}[${index}]`, path));
}

function toProfile(seccomp: ReturnType<typeof checkSeccomp>): ProfileRequest | undefined {
  return seccomp?.kind === "localhost" ? { kind: "localhost", name: seccomp.path } : seccomp;
}
