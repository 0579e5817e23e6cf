import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import type { TarEntry } from "./tar-archive.ts";

/**
 * Entries of a root file system with the machine's busybox and the accounts that images commonly have. Each applet is a hard link
 * of its own, since masking a path that is a symbolic link would mask what it leads to.
 */
export function baseEntries(): readonly TarEntry[] {
  const busybox = findBusybox();
  return [
    ...directories.map((name): TarEntry => ({ name, type: "directory" })),
    { name: "tmp", type: "directory", mode: 0o1777 },
    { name: "root", type: "directory", mode: 0o700 },
    { name: "var/run", type: "symlink", linkname: "/run" },
    ...librariesOf(busybox),
    { name: "bin/busybox", mode: 0o755, content: readFileSync(busybox) },
    ...appletsOf(busybox).map((applet): TarEntry => ({
      name: `bin/${applet}`,
      type: "link",
      linkname: "bin/busybox",
      mode: 0o755,
    })),
    { name: "bin/ipcs", mode: 0o755, content: ipcs },
    { name: "bin/pgrep", mode: 0o755, content: pgrep },
    { name: "etc/passwd", content: passwd },
    { name: "etc/group", content: group },
  ];
}

const directories = "bin dev etc home lib lib64 mnt proc run sbin sys usr usr/bin usr/sbin var var/log var/www".split(
  " ",
);

/** Accounts; some specs look up names and the groups of a user. */
export const passwd = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
`;

/** The groups of these accounts. */
export const group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
www-data:x:33:
nogroup:x:65534:
`;

// Two programs that specs call and this busybox has not.
const ipcs = `#!/bin/sh
# The segments of shared memory, which is all that is asked for.
echo "key shmid owner"
awk 'NR > 1 { print $1, $2, $8 }' /proc/sysvipc/shm
`;
const pgrep = `#!/bin/sh
# Pids of the processes in whose name the word is; 1 when there are none.
status=1
for comm in /proc/[0-9]*/comm; do
  if grep -q -e "$1" "$comm" 2>/dev/null; then
    pid=\${comm#/proc/}
    echo "\${pid%/comm}"
    status=0
  fi
done
exit $status
`;

/** Applets that are no programs of an image, or are written above. */
const leftOut = new Set(["busybox", "linuxrc", "init", "pgrep", "ipcs"]);

function appletsOf(busybox: string): readonly string[] {
  const list = execFileSync(busybox, ["--list"], { encoding: "utf8" });
  return list
    .trim()
    .split("\n")
    .filter((applet) => !leftOut.has(applet));
}

/**
 * The dynamic busybox of the package of that name. The one of busybox-static prefers its own applets to the programs on PATH, and
 * so would run what a spec has masked.
 */
function findBusybox(): string {
  for (const path of ["/usr/bin/busybox", "/bin/busybox"]) {
    try {
      readFileSync(path);
      return path;
    } catch (reason) {
      if ((reason as NodeJS.ErrnoException).code !== "ENOENT") throw reason;
    }
  }
  throw new Error("finding busybox: Debian's package busybox is not installed; scripts/setup installs it");
}

/** The libraries that a program is loaded with, where it looks for them. */
function librariesOf(program: string): readonly TarEntry[] {
  const lines = execFileSync("ldd", [program], { encoding: "utf8" });
  const libraries = new Set([...lines.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path ?? ""));
  const parents = new Set([...libraries].flatMap((path) => parentsOf(path)));
  return [
    ...[...parents]
      .filter((name) => !directories.includes(name))
      .sort()
      .map((name): TarEntry => ({ name, type: "directory" })),
    ...[...libraries].map((path): TarEntry => ({ name: path.slice(1), mode: 0o755, content: readFileSync(path) })),
  ];
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}
