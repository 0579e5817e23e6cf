import { isAbsolute, join } from "node:path";

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, StatusError } from "@crib/errdefs";
import {
  type LinuxContainerSecurityContextSchema,
  NamespaceMode,
  SecurityProfile_ProfileType,
  SupplementalGroupsPolicy,
} from "@crib/wire/cri";

import type { PresentImage } from "../pods/ensure-image.ts";
import { maskedPaths, readonlyPaths } from "../pods/hidden-paths.ts";
import type { ContainerManifest, PodManifest } from "./pod-manifest.ts";
import type { PodSecurityContext, SecurityContext } from "./security-schema.ts";

type Context = Exclude<MessageInitShape<typeof LinuxContainerSecurityContextSchema>, { readonly $typeName: string }>;
type Profile = NonNullable<SecurityContext["seccompProfile"]>;

/** Where the kubelet looks for seccomp profiles that are named by a relative path. */
const seccompRoot = "/var/lib/kubelet/seccomp";

/** The namespaces of a pod and its containers. */
export function namespaceOptions({ hostNetwork, hostPID, hostIPC, shareProcessNamespace }: PodManifest["spec"]) {
  const { POD, CONTAINER, NODE } = NamespaceMode;
  return {
    network: hostNetwork ? NODE : POD,
    ipc: hostIPC ? NODE : POD,
    pid: hostPID ? NODE : shareProcessNamespace ? POD : CONTAINER,
  };
}

/** What pods and containers both have. Without a seccomp profile it is the runtime's: the kubelet's seccompDefault. */
export function sharedSecurity(context: PodSecurityContext & SecurityContext, privileged: boolean) {
  const { RuntimeDefault, Unconfined } = SecurityProfile_ProfileType;
  const { runAsUser, runAsGroup, seLinuxOptions, seccompProfile } = context;
  return {
    ...(runAsUser !== undefined && { runAsUser: { value: BigInt(runAsUser) } }),
    ...(runAsGroup !== undefined && { runAsGroup: { value: BigInt(runAsGroup) } }),
    ...(seLinuxOptions && {
      selinuxOptions: {
        user: seLinuxOptions.user ?? "",
        role: seLinuxOptions.role ?? "",
        type: seLinuxOptions.type ?? "",
        level: seLinuxOptions.level ?? "",
      },
    }),
    seccomp: seccompProfile
      ? toProfile(seccompProfile, (path) => (isAbsolute(path) ? path : join(seccompRoot, path)))
      : { profileType: privileged ? Unconfined : RuntimeDefault },
  };
}

/** The security context of a container: its own, where it says nothing the pod's. */
export function containerSecurity(
  { name, securityContext = {} }: ContainerManifest,
  { spec }: PodManifest,
  image: PresentImage,
): Context {
  const ofPod = spec.securityContext ?? {};
  const both = { ...ofPod, ...securityContext };
  const privileged = securityContext.privileged === true;
  if (both.runAsNonRoot) refuseRoot(name, both.runAsUser, image);
  const isMasked = !privileged && securityContext.procMount !== "Unmasked";
  const { capabilities = {} } = securityContext;
  return {
    ...sharedSecurity(both, privileged),
    // The CRI takes no group without a user: it is the image's then.
    ...(both.runAsGroup !== undefined && both.runAsUser === undefined && imageUser(image)),
    namespaceOptions: namespaceOptions(spec),
    privileged,
    ...(both.appArmorProfile && { apparmor: toProfile(both.appArmorProfile, (profile) => profile) }),
    supplementalGroups: [
      ...(ofPod.supplementalGroups ?? []),
      ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]),
    ].map(BigInt),
    supplementalGroupsPolicy:
      ofPod.supplementalGroupsPolicy === "Strict" ? SupplementalGroupsPolicy.Strict : SupplementalGroupsPolicy.Merge,
    noNewPrivs: securityContext.allowPrivilegeEscalation === false,
    readonlyRootfs: securityContext.readOnlyRootFilesystem === true,
    capabilities: { addCapabilities: capabilities.add ?? [], dropCapabilities: capabilities.drop ?? [] },
    ...(isMasked && { maskedPaths: [...maskedPaths], readonlyPaths: [...readonlyPaths] }),
  };
}

function imageUser({ uid, username }: PresentImage): Pick<Context, "runAsUser" | "runAsUsername"> {
  return uid === undefined && username !== "" ? { runAsUsername: username } : { runAsUser: { value: uid ?? 0n } };
}

function toProfile({ type, localhostProfile = "" }: Profile, place: (name: string) => string) {
  if (type !== "Localhost") return { profileType: SecurityProfile_ProfileType[type] };
  return {
    profileType: SecurityProfile_ProfileType.Localhost,
    // An empty one is refused by the runtime, never taken as unconfined.
    localhostRef: localhostProfile === "" ? "" : place(localhostProfile),
  };
}

/** `runAsNonRoot` is the client's to check: the runtime is not told of it. */
function refuseRoot(name: string, runAsUser: number | undefined, image: PresentImage): void {
  const uid = runAsUser === undefined ? image.uid : BigInt(runAsUser);
  const doing = `checking runAsNonRoot of container "${name}"`;
  if (uid === undefined && image.username !== "" && image.username !== "root") {
    const why = `the image's user "${image.username}" is no number; set runAsUser`;
    throw new StatusError(Code.FailedPrecondition, `${doing}: ${why}`);
  }
  if (uid === undefined || uid === 0n) throw new StatusError(Code.FailedPrecondition, `${doing}: it would run as root`);
}
