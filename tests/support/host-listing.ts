import { type Dirent, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

import { lanesDir } from "./lane.ts";
import { listFirewall } from "./list-firewall.ts";
import { outputOf } from "./run-program.ts";

/**
 * What there is on the host, section by section, one line each. Made with /proc, ip(8) and iptables-save(8) only, so
 * that no fault of crib's own counters can hide anything from it.
 */
export interface HostListing {
  readonly sections: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Lists the host. */
export async function hostListing(): Promise<HostListing> {
  const mounts = listMounts();
  const [links, firewall] = await Promise.all([listLinks(), listFirewall()]);
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ["netns", listNetworkNamespaces(mounts)],
    ["link", links],
    ["mount", mounts],
    ["cgroup", listCgroups()],
    ["process", listProcesses()],
    ["socket", listSockets()],
    ["firewall", firewall],
    ["runc", listTree("/run/containerd/runc", 2).filter((path) => path.split("/").length > 5)],
    ["ipam", [...listTree("/var/lib/cni", 4), ...listLaneFiles("ipam"), ...listLaneFiles("root/cni/results")]],
  ];
  return { sections: new Map(sections.map(([name, lines]) => [name, new Set(lines)])) };
}

/** One line per mount: where, what kind, and which part of the file system is shown there. */
function listMounts(): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [fields = "", source = ""] = line.split(" - ");
      const [, , , root, mountPoint] = fields.split(" ");
      return `${mountPoint} ${source.split(" ")[0]} ${root}`;
    });
}

/** Every network namespace that a mount or a process keeps alive. */
function listNetworkNamespaces(mounts: readonly string[]): readonly string[] {
  const namespaces = new Map<string, string>();
  for (const mount of mounts) {
    const [path = "", , root = ""] = mount.split(" ");
    if (root.startsWith("net:")) namespaces.set(root, `pinned at ${path}`);
  }
  for (const pid of pids()) {
    try {
      const namespace = readlinkSync(`/proc/${pid}/ns/net`);
      if (!namespaces.has(namespace)) namespaces.set(namespace, `of process ${pid} ${describeProcess(pid)}`);
    } catch {
      // The process has ended since, or is a zombie.
    }
  }
  // Those of a process are not told apart by its pid: the host's own would change with every new holder.
  const own = readlinkSync("/proc/self/ns/net");
  return [...namespaces]
    .filter(([namespace]) => namespace !== own)
    .map(([namespace, holder]) => `${namespace} ${holder}`);
}

async function listLinks(): Promise<readonly string[]> {
  const links = JSON.parse(await outputOf("ip", "-json", "link")) as readonly {
    readonly ifname: string;
    readonly master?: string;
  }[];
  return links.map(({ ifname, master }) => (master === undefined ? ifname : `${ifname} in ${master}`));
}

/** The cgroups of all hierarchies whose path speaks of crib. */
function listCgroups(): readonly string[] {
  return listTree("/sys/fs/cgroup", 8, "directories").filter((path) => path.includes("crib"));
}

const ofInterest = new RegExp(
  `${lanesDir}/|^\\S*(containerd-shim[^/ ]*|catatonit|pause|runc)( |$)|fixtures/cni/|CRIB_ROW=`,
);

/** Processes that run for a pod or a daemon, with the row that they were started for. */
function listProcesses(): readonly string[] {
  return pids().flatMap((pid) => {
    if (pid === `${process.pid}`) return [];
    const text = describeProcess(pid);
    return ofInterest.test(text) ? [`${pid} ${text}`] : [];
  });
}

/** The command line, and what tells whose it is where that does not: the row it was started for, the cgroup of its pod. */
function describeProcess(pid: string): string {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trimEnd();
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    const row = environment.split("\0").find((entry) => entry.startsWith("CRIB_ROW="));
    const cgroup = /:(\/.*\/crib-[0-9a-f]{64})/.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1];
    return [commandLine, row && `(${row})`, cgroup && `in ${cgroup}`].filter(Boolean).join(" ");
  } catch {
    return ""; // it has ended since
  }
}

function pids(): readonly string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

/** Unix sockets with a name, and the socket files of shims. */
function listSockets(): readonly string[] {
  const bound = readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/)[7] ?? "")
    .filter((path) => path !== "");
  return [...new Set(bound), ...listTree("/run/containerd/s", 1)];
}

function listLaneFiles(below: string): readonly string[] {
  return entriesOf(lanesDir).flatMap((lane) => listTree(join(lanesDir, lane.name, below), 4));
}

/** Everything below a directory, to a depth; nothing when there is no such directory. */
function listTree(dir: string, depth: number, what: "everything" | "directories" = "everything"): readonly string[] {
  return entriesOf(dir).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (!entry.isDirectory()) return what === "everything" ? [path] : [];
    return depth > 1 ? [path, ...listTree(path, depth - 1, what)] : [path];
  });
}

function entriesOf(dir: string): readonly Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch (reason) {
    if (["ENOENT", "ENOTDIR"].includes((reason as NodeJS.ErrnoException).code ?? "")) return [];
    throw reason;
  }
}
