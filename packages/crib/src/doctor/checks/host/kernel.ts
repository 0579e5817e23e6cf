import { existsSync, readFileSync } from "node:fs";

import { kernelVersion } from "@crib/linux";

import { type Check, type CheckResult, fail, ok, warn } from "../types.ts";

/** What newer kernels give (man pages of the calls named). */
const features = [
  { major: 5, minor: 6, level: "fail", needs: "pidfd_open, openat2" },
  { major: 5, minor: 12, level: "warn", needs: "recursive read-only mounts, id-mapped mounts" },
  { major: 5, minor: 14, level: "warn", needs: "cgroup.kill" },
] as const;
const namespaces = ["net", "ipc", "uts", "pid", "mnt", "user", "cgroup"];

/** Version of the kernel, its namespaces, user namespaces, overlayfs. */
export const kernel: Check = {
  name: "kernel",
  run: () => [...version(), ...kinds(), ...userNamespaces(), ...overlay()],
};

function version(): readonly CheckResult[] {
  const { major, minor, release } = kernelVersion();
  const lacking = features.find((each) => major < each.major || (major === each.major && minor < each.minor));
  if (!lacking) return [ok(`Linux ${release}`)];
  const what = `Linux ${release} has no ${lacking.needs}`;
  const advice = `use Linux ${lacking.major}.${lacking.minor} or newer`;
  return [lacking.level === "fail" ? fail(what, advice) : warn(what, advice)];
}

function kinds(): readonly CheckResult[] {
  const missing = namespaces.filter((kind) => !existsSync(`/proc/self/ns/${kind}`));
  if (missing.length === 0) return [ok(`namespaces: ${namespaces.join(", ")}`)];
  return [fail(`no ${missing.join(", ")} namespaces`, "use a kernel that is built with them (CONFIG_*_NS)")];
}

function userNamespaces(): readonly CheckResult[] {
  const limit = readNumber("/proc/sys/user/max_user_namespaces");
  if (limit === undefined || limit > 0) return [];
  return [
    warn(
      "user namespaces are switched off",
      "for pods with hostUsers: false set sysctl user.max_user_namespaces=15000",
    ),
  ];
}

function overlay(): readonly CheckResult[] {
  if (/\boverlay$/m.test(readFileSync("/proc/filesystems", "utf8"))) return [ok("overlayfs")];
  return [warn("overlayfs is not loaded", "run modprobe overlay; containers need it, pods do not")];
}

function readNumber(path: string): number | undefined {
  return existsSync(path) ? Number(readFileSync(path, "utf8").trim()) : undefined;
}
