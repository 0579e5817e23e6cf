import { relative } from "node:path";

import { Code, StatusError } from "@crib/errdefs";
import type { LinuxSpec, Process, RuntimeSpec } from "@crib/oci-spec";

import { cdiDeviceNames } from "./devices/cdi/cdi-name.ts";
import { containerDevices } from "./devices/container-devices.ts";
import { injectCdi } from "./devices/inject-cdi.ts";
import { containerMounts } from "./mounts/container-mounts.ts";
import { containerAppArmor } from "./process/apparmor/container-apparmor.ts";
import { heldCapabilities, knownCapabilities } from "./process/capability-names.ts";
import { containerAnnotations } from "./process/container-annotations.ts";
import { containerCapabilities } from "./process/container-capabilities.ts";
import { containerNamespaces, userMappings } from "./process/container-namespaces.ts";
import { containerRlimits } from "./process/container-rlimits.ts";
import { ownHardLimits } from "./process/hard-limits.ts";
import { hiddenPaths } from "./process/hidden-paths.ts";
import { processArgs } from "./process/process-args.ts";
import { processEnv } from "./process/process-env.ts";
import { containerSeccomp } from "./process/seccomp/container-seccomp.ts";
import { type SelinuxLabels, selinuxLabels } from "./process/selinux-labels.ts";
import { workingDirectory } from "./process/working-directory.ts";
import { blockIoClass } from "./resources/block-io-class.ts";
import { expectRdt } from "./resources/expect-rdt.ts";
import { linuxResources } from "./resources/linux-resources.ts";
import { rdtClass } from "./resources/rdt-class.ts";
import type { BuiltSpec, SpecInput } from "./types.ts";
import { containerUser } from "./users/container-user.ts";

/** Version of the runtime specification; what runc 1.1, which knows no later one, writes itself. */
const ociVersion = "1.0.2";

/**
 * The OCI specification of an application container (containerd.md 1.3.2 to 1.3.5). Every object in it is made for this call, so that
 * nothing that is done to one container's specification shows in another's (CVE-2021-21334).
 *
 * Errors: InvalidArgument for what the request or the image asks wrongly; FailedPrecondition for a namespace of the pod that is not
 * there and for what the host lacks and cannot be left out.
 */
export async function buildContainerSpec(input: SpecInput): Promise<BuiltSpec> {
  const { id, plan, sandbox, features } = input;
  if (plan.security.privileged && !sandbox.plan.privileged) {
    throw new StatusError(
      Code.InvalidArgument,
      `building the specification of container "${id}": it is privileged, its sandbox is not`,
    );
  }
  const labels = selinuxLabels(input);
  const intelRdt = rdtClass(input);
  const isolated = isolation(input, labels);
  const resources = linuxResources(plan.resources, features, input.options);
  const [user, process, blockIO] = await Promise.all([
    containerUser(plan.security, input.image.user, input.rootfs),
    confinedProcess(input),
    blockIoClass(input),
  ]);
  // Last, since it may make directories of the host. A copy: some of it comes from tables, and specifications share nothing.
  const [{ mounts, rootfsPropagation }, { devices, rules }] = structuredClone(
    await Promise.all([containerMounts(input), containerDevices(input)]),
  );
  const { seccomp, ...rest } = process;
  const spec: RuntimeSpec = {
    ociVersion,
    root: { path: rootPath(input), readonly: plan.security.readonlyRootfs },
    process: {
      ...rest,
      user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
      ...(labels === undefined ? {} : { selinuxLabel: labels.process }),
    },
    mounts,
    annotations: containerAnnotations(input),
    linux: {
      ...isolated,
      ...(devices.length === 0 ? {} : { devices }),
      resources: { ...resources, devices: rules, ...(blockIO === undefined ? {} : { blockIO }) },
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(intelRdt === undefined ? {} : { intelRdt }),
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
    },
  };
  const whole = await injectCdi(spec, cdiDeviceNames(plan), input.options.cdiSpecDirs);
  return { spec: expectRdt(whole, id, features), user };
}

type ConfinedProcess = Omit<Process, "user"> & Pick<LinuxSpec, "seccomp">;

/** The process, whoever runs it, and what confines it. */
async function confinedProcess({
  plan,
  sandbox,
  image,
  rootfs,
  features,
  options,
}: SpecInput): Promise<ConfinedProcess> {
  const { security, tty } = plan;
  // A user namespace begins with all capabilities, whatever its maker has.
  const held = features.capabilities ?? heldCapabilities();
  const available = sandbox.plan.userNamespace === undefined ? held : knownCapabilities;
  const capabilities = containerCapabilities(security, available);
  const { privileged } = security;
  const [seccomp, apparmorProfile] = await Promise.all([
    containerSeccomp(security.seccomp, { privileged, seccomp: features.seccomp, bounding: capabilities.bounding }),
    containerAppArmor(security.apparmor, { privileged, apparmor: features.apparmor }),
  ]);
  const mayRaise = held.includes("CAP_SYS_RESOURCE") || Object.keys(options.rlimits).length === 0;
  const rlimits = containerRlimits(options.rlimits, mayRaise ? undefined : ownHardLimits());
  return {
    terminal: tty,
    args: processArgs(plan, image),
    env: processEnv({ tty, hostname: sandbox.plan.hostname, image: image.env, asked: plan.envs }),
    cwd: workingDirectory(plan.workingDir, image.workingDir, rootfs),
    capabilities,
    noNewPrivileges: security.noNewPrivileges,
    // Always set: it would else be that of the shim, which the kernel shall spare.
    oomScoreAdj: Math.max(plan.resources.oomScoreAdj ?? 0, features.oomScoreAdjFloor),
    ...(rlimits.length === 0 ? {} : { rlimits }),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    ...(seccomp === undefined ? {} : { seccomp }),
  };
}

/** What separates the container from others. Sysctls are the pod's: its namespaces have them since they were made. */
function isolation(input: SpecInput, labels: SelinuxLabels | undefined): Omit<LinuxSpec, "resources"> {
  const mappings = userMappings(input);
  return {
    namespaces: containerNamespaces(input),
    ...(mappings === undefined ? {} : { uidMappings: mappings.uids, gidMappings: mappings.gids }),
    cgroupsPath: input.plan.cgroupPath,
    ...hiddenPaths(input.plan.security),
    ...(labels === undefined ? {} : { mountLabel: labels.mount }),
  };
}

/** Relative where it can be, as runtimes in a VM expect it: they see the bundle somewhere else. */
function rootPath({ rootfs, plan }: SpecInput): string {
  const path = relative(plan.bundleDir, rootfs);
  return path === "" || path.startsWith("..") ? rootfs : path;
}
