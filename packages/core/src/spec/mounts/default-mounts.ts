import { readMounts } from "@crib/linux";
import type { Mount } from "@crib/oci-spec";

import type { SpecInput } from "../types.ts";
import { devMounts } from "./dev-mounts.ts";

const unusable = ["nosuid", "noexec", "nodev"];
/** Options of cgroup v2 that belong to the hierarchy, not to a mount: mounting it once more without them takes them off the host. */
const hierarchyOptions: ReadonlySet<string> = new Set(["nsdelegate", "memory_recursiveprot"]);

/**
 * The file systems that every container has unless something else is mounted there, in mounting order: those of the
 * runtime specification (config-linux.md, "Default Filesystems"), mqueue and the cgroup tree.
 */
export async function defaultMounts(input: SpecInput): Promise<readonly Mount[]> {
  const { plan, sandbox, features, options } = input;
  const { privileged, pid } = plan.security;
  const { hostNetwork, hostIpc, userNamespace } = sandbox.plan;
  const access = privileged ? "rw" : "ro";
  const cgroupAccess = privileged || options.cgroupWritable ? "rw" : "ro";
  // These file systems show a namespace, and only the user namespace that owns it may mount them: the host's are bound.
  const inUserns = userNamespace !== undefined;
  const sys = [...unusable, access];
  return [
    inUserns && pid === "node"
      ? bindOf("/proc", ["rbind", ...unusable])
      : { destination: "/proc", type: "proc", source: "proc", options: unusable },
    ...devMounts(userNamespace?.gids),
    inUserns && hostIpc
      ? bindOf("/dev/mqueue", ["rbind", ...unusable])
      : { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: unusable },
    inUserns && hostNetwork
      ? bindOf("/sys", ["rbind", ...sys])
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: sys },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [
        ...unusable,
        "relatime",
        cgroupAccess,
        // A privileged container has no cgroup namespace of its own, and so no mount of the hierarchy either.
        ...(features.cgroupVersion === 2 && privileged ? await hostHierarchyOptions() : []),
      ],
    },
  ];
}

function bindOf(path: string, options: readonly string[]): Mount {
  return { destination: path, type: "bind", source: path, options };
}

async function hostHierarchyOptions(): Promise<readonly string[]> {
  const cgroup = (await readMounts()).findLast(({ mountPoint }) => mountPoint === "/sys/fs/cgroup");
  return cgroup?.superOptions.filter((option) => hierarchyOptions.has(option)) ?? [];
}
