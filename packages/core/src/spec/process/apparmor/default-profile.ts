/** What of the host a profile is written for. */
export interface AppArmorSurroundings {
  /** Name of the profile. */
  readonly name: string;
  /** The profile that the daemon itself is under: it ends containers by signal. */
  readonly daemonProfile: string;
  /** Whether `/etc/apparmor.d/abi/3.0` and `tunables/global` are there to be included. */
  readonly hasAbi: boolean;
  readonly hasTunables: boolean;
}

/**
 * The text of crib's AppArmor profile for containers. In effect that of containerd: everything is allowed but mounting, writing to
 * /proc outside of processes, to /sys outside of cgroups, and looking at kernel memory, firmware and power meters; signals come
 * from the runtime and the daemon, and processes trace only their like (apparmor.d(5)).
 */
export function defaultAppArmorText({ name, daemonProfile, hasAbi, hasTunables }: AppArmorSurroundings): string {
  const senders = [...new Set(["unconfined", "runc", "crun", daemonProfile])];
  return [
    ...(hasAbi ? ["abi <abi/3.0>,"] : []),
    hasTunables ? "include <tunables/global>" : "@{PROC}=/proc/",
    "",
    `profile ${name} flags=(attach_disconnected,mediate_deleted) {`,
    ...rules(name, senders).map((rule) => `  ${rule},`),
    "}",
    "",
  ].join("\n");
}

function rules(name: string, senders: readonly string[]): readonly string[] {
  return [
    "file",
    "network",
    "capability",
    "umount",
    "deny mount",
    ...senders.map((peer) => `signal (receive) peer=${quoted(peer)}`),
    `signal (send,receive) peer=${name}`,
    `ptrace (trace,tracedby,read,readby) peer=${name}`,
    // Of /proc, only directories of processes (which begin with a digit) and /proc/sys/kernel/shm* are written to.
    "deny @{PROC}/[^1-9s]** w",
    "deny @{PROC}/s[^y]** w",
    "deny @{PROC}/sy[^s]** w",
    "deny @{PROC}/sys[^/]** w",
    "deny @{PROC}/sys/[^k]** w",
    "deny @{PROC}/sys/k[^e]** w",
    "deny @{PROC}/sys/kernel/[^s]** w",
    "deny @{PROC}/sys/kernel/s[^h]** w",
    "deny @{PROC}/sys/kernel/sh[^m]** w",
    "deny @{PROC}/kcore rwklx",
    "deny @{PROC}/sysrq-trigger rwklx",
    // Of /sys, only /sys/fs/cgroup.
    "deny /sys/[^f]** wklx",
    "deny /sys/f[^s]** wklx",
    "deny /sys/fs/[^c]** wklx",
    "deny /sys/fs/c[^g]** wklx",
    "deny /sys/firmware/** rwklx",
    "deny /sys/devices/virtual/powercap/** rwklx",
    "deny /sys/kernel/security/** rwklx",
  ];
}

/** Names of profiles may have blanks. */
function quoted(name: string): string {
  return /^[\w./-]+$/.test(name) ? name : `"${name.replaceAll('"', "")}"`;
}
