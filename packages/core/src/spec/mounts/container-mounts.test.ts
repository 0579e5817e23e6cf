import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Code } from "@crib/errdefs";
import type { Mount } from "@crib/oci-spec";

import type { SpecInput, SpecMounts } from "../types.ts";
import { containerMounts } from "./container-mounts.ts";
import { mountRequest, MountScene, needsRoot, type SceneChanges } from "./testing/mount-scene.ts";

const ids = {
  uids: [{ containerId: 0, hostId: 100_000, length: 65_536 }],
  gids: [{ containerId: 0, hostId: 200_000, length: 5 }],
};
const specIds = {
  uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
  gidMappings: [{ containerID: 0, hostID: 200_000, size: 5 }],
};
const able = { runtimes: { runc: { recursiveReadOnlyMounts: true, idmappedMounts: true } } };

function at({ mounts }: SpecMounts, destination: string): Mount | undefined {
  return mounts.find((mount) => mount.destination === destination);
}

function options(mounts: SpecMounts, destination: string): string {
  return at(mounts, destination)?.options?.join() ?? "none";
}

const usual = [
  "/proc",
  "/dev",
  "/sys",
  "/dev/pts",
  "/dev/mqueue",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/resolv.conf",
  "/dev/shm",
  "/sys/fs/cgroup",
];

test("a container has the usual file systems and the pod's files, in mounting order", async (t) => {
  const scene = new MountScene(t);
  const made = await containerMounts(scene.input());
  deepEqual(
    made.mounts.map(({ destination }) => destination),
    usual,
  );
  equal(made.rootfsPropagation, undefined);
  equal(at(made, "/etc/hosts")?.source, scene.path("sandbox/hosts"));
  equal(at(made, "/dev/shm")?.source, scene.path("sandbox/shm"));
  equal(options(made, "/etc/hosts"), "rbind,rprivate,rw");
  rmSync(scene.path("sandbox/resolv.conf"));
  equal(at(await containerMounts(scene.input()), "/etc/resolv.conf"), undefined, "what is not there is not mounted");
});

const cases: readonly {
  readonly name: string;
  readonly changes: SceneChanges;
  readonly expect: Readonly<Record<string, string>>;
}[] = [
  {
    name: "unprivileged",
    changes: {},
    expect: {
      "/sys": "nosuid,noexec,nodev,ro",
      "/sys/fs/cgroup": "nosuid,noexec,nodev,relatime,ro",
      "/dev/pts": "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
    },
  },
  {
    name: "privileged",
    changes: { security: { privileged: true } },
    expect: { "/sys": "nosuid,noexec,nodev,rw", "/sys/fs/cgroup": "nosuid,noexec,nodev,relatime,rw" },
  },
  {
    name: "writable cgroups",
    changes: { options: { cgroupWritable: true } },
    expect: { "/sys": "nosuid,noexec,nodev,ro", "/sys/fs/cgroup": "nosuid,noexec,nodev,relatime,rw" },
  },
  {
    name: "a read-only root",
    changes: { security: { readonlyRootfs: true } },
    expect: {
      "/etc/hosts": "rbind,rprivate,ro",
      "/etc/hostname": "rbind,rprivate,ro",
      "/dev/shm": "rbind,rprivate,rw",
    },
  },
  {
    name: "a user namespace of its own that owns the other namespaces",
    changes: { sandbox: { userNamespace: ids } },
    expect: {
      "/proc": "nosuid,noexec,nodev",
      "/sys": "nosuid,noexec,nodev,ro",
      "/dev/pts": "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620",
      "/etc/hosts": "rbind,rprivate,rw",
    },
  },
  {
    name: "a user namespace in the host's network, IPC and PID namespaces",
    changes: { sandbox: { userNamespace: ids, hostNetwork: true, hostIpc: true }, security: { pid: "node" } },
    expect: {
      "/proc": "rbind,nosuid,noexec,nodev",
      "/sys": "rbind,nosuid,noexec,nodev,ro",
      "/dev/mqueue": "rbind,nosuid,noexec,nodev",
    },
  },
  {
    name: "a user namespace and a runtime that maps ids of mounts",
    changes: { sandbox: { userNamespace: ids }, features: able },
    expect: { "/etc/hosts": "rbind,rprivate,rw,idmap", "/dev/shm": "rbind,rprivate,rw" },
  },
];

for (const { name, changes, expect } of cases) {
  test(`usual mounts: ${name}`, async (t) => {
    const made = await containerMounts(new MountScene(t).input(changes));
    for (const [destination, wanted] of Object.entries(expect)) equal(options(made, destination), wanted, destination);
  });
}

test("requested mounts replace usual ones of the same place, a /dev all below it, volumes of the image nothing", async (t) => {
  const scene = new MountScene(t);
  const dir = scene.directory("host");
  const mounts = [
    mountRequest(dir, "/data/deep/er"),
    mountRequest(dir, "/etc//hosts/", { readonly: true }),
    mountRequest(dir, "/data"),
    mountRequest(dir, "/dev"),
    mountRequest(dir, "/dev/shm"),
  ];
  const volumes = ["/data", "/proc", "/etc/hostname", "/vol"].map((containerPath) => ({
    containerPath,
    source: "/volume",
    readonly: false,
  }));
  const made = await containerMounts(scene.input({ plan: { mounts }, volumes }));
  deepEqual(
    made.mounts.map(({ destination, source }) => (source === dir ? `${destination} requested` : destination)),
    [
      "/proc",
      "/sys",
      "/data requested",
      "/dev requested",
      "/vol",
      "/etc/hostname",
      "/etc/resolv.conf",
      "/etc/hosts requested",
      "/dev/shm requested",
      "/sys/fs/cgroup",
      "/data/deep/er requested",
    ],
  );
  equal(options(made, "/etc/hosts"), "rbind,rprivate,ro");
  equal(options(made, "/vol"), "rbind,rprivate,rw");
});

test("a host path is resolved; a missing one becomes an open directory whatever the umask", async (t) => {
  const scene = new MountScene(t);
  const former = process.umask(0o077);
  t.after(() => process.umask(former));
  symlinkSync(scene.directory("real"), scene.path("link"));
  writeFileSync(scene.path("file"), "");
  symlinkSync("nowhere", scene.path("dangling"));
  const source = async (path: string): Promise<string | undefined> => {
    const mounts = [mountRequest(path, "/data")];
    return at(await containerMounts(scene.input({ plan: { mounts } })), "/data")?.source;
  };
  equal(await source(scene.path("link")), scene.path("real"));
  equal(await source(scene.path("file")), scene.path("file"));
  equal(await source(scene.path("new/er/est/")), scene.path("new/er/est"));
  for (const name of ["new", "new/er", "new/er/est"]) equal(statSync(scene.path(name)).mode & 0o777, 0o755, name);
  await rejects(source(scene.path("file/below")), { code: Code.FailedPrecondition, message: /file\/below/ });
  await rejects(source(scene.path("dangling")), (error: Error) => error.message.includes("dangling"));
});

test("what cannot be mounted is refused, naming it", async (t) => {
  const scene = new MountScene(t);
  const dir = scene.directory("host");
  const refused = async (mount: ReturnType<typeof mountRequest>, changes: SceneChanges = {}): Promise<void> => {
    const run = containerMounts(scene.input({ ...changes, plan: { mounts: [mount] } }));
    const named = JSON.stringify(mount.containerPath).slice(1, -1).slice(0, 5);
    await rejects(run, (error: Error & { code: Code }) => {
      equal(error.code, Code.InvalidArgument, error.message);
      ok(JSON.stringify(error.message).includes(named), error.message);
      return true;
    });
  };
  for (const path of ["", "relative", "/", "//", "/a/../b", "/..", "/a\0b"]) await refused(mountRequest(dir, path));
  for (const path of ["", "relative", "/a\0b"]) await refused(mountRequest(path, "/data"));
  const recursive = { readonly: true, recursiveReadOnly: true };
  await refused(mountRequest(dir, "/data", recursive));
  await refused(mountRequest(dir, "/data", { ...recursive, readonly: false }), { features: able });
  await refused(mountRequest(dir, "/data", { ...recursive, propagation: "host-to-container" }), { features: able });
  await refused(mountRequest(dir, "/data", { idMappings: ids }));
});

test("recursive read-only and id mappings go to runtimes that know them", async (t) => {
  const scene = new MountScene(t);
  const dir = scene.directory("host");
  const mounts = [
    mountRequest(dir, "/ro", { readonly: true, recursiveReadOnly: true }),
    mountRequest(dir, "/mapped", { idMappings: ids }),
  ];
  const made = await containerMounts(scene.input({ plan: { mounts }, features: able }));
  equal(options(made, "/ro"), "rbind,rprivate,rro");
  deepEqual(at(made, "/mapped"), {
    destination: "/mapped",
    type: "bind",
    source: dir,
    options: ["rbind", "rprivate", "rw", "idmap"],
    ...specIds,
  });
});

test("an image mount comes from where it was prepared, read-only", async (t) => {
  const scene = new MountScene(t);
  const mounts = [mountRequest("", "/img/", { image: "busybox", readonly: true })];
  const volume = {
    containerPath: "/img/",
    source: join(scene.dir, "v"),
    readonly: true,
    image: { id: "i", digest: "d" },
  };
  const made = await containerMounts(scene.input({ plan: { mounts }, volumes: [volume] }));
  deepEqual(at(made, "/img"), {
    destination: "/img",
    type: "bind",
    source: scene.path("v"),
    options: ["rbind", "rprivate", "ro"],
  });
  await rejects(containerMounts(scene.input({ plan: { mounts } })), { code: Code.Internal });
});

test(
  "with SELinux what is asked for gets the container's label, the host's own files never do",
  needsRoot,
  async (t) => {
    const scene = new MountScene(t);
    for (const name of ["asked", "not", "hosts", "volume"]) scene.directory(`${name}/below`);
    const relabelled = { selinuxRelabel: true };
    const mounts = [
      mountRequest(scene.path("asked"), "/asked", relabelled),
      mountRequest(scene.path("not"), "/not"),
      mountRequest(scene.path("hosts"), "/etc/hosts", relabelled),
    ];
    const volumes = [{ containerPath: "/volume", source: scene.path("volume"), readonly: false }];
    const sandbox = {
      security: { selinux: { user: "", role: "", type: "", level: "s0:c1,c2" } },
    } as SceneChanges["sandbox"];
    const input = (selinux: boolean): SpecInput =>
      scene.input({ plan: { mounts }, volumes, features: { selinux }, ...(sandbox && { sandbox }) });
    const labels = (): readonly string[] => {
      const script = `import os,sys
print(*[p for p in sys.argv[1:] if b"s0:c1,c2" in (os.getxattr(p, "security.selinux") if "security.selinux" in os.listxattr(p) else b"")])`;
      const paths = [
        "asked",
        "asked/below",
        "not",
        "hosts",
        "hosts/below",
        "volume/below",
        "sandbox/hosts",
        "sandbox/hostname",
      ];
      const found = execFileSync("python3", ["-c", script, ...paths], { cwd: scene.dir, encoding: "utf8" });
      return found.trim().split(" ");
    };
    await containerMounts(input(false));
    deepEqual(labels(), [""]);
    await containerMounts(input(true));
    deepEqual(labels(), ["asked", "asked/below", "volume/below", "sandbox/hostname"]);
    const forbidden = [mountRequest("/etc/", "/host", relabelled)];
    const run = containerMounts(
      scene.input({ plan: { mounts: forbidden }, features: { selinux: true }, ...(sandbox && { sandbox }) }),
    );
    await rejects(run, { code: Code.InvalidArgument, message: /"\/etc"/ });
  },
);
